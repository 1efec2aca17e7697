// SPDX-License-Identifier: ISC
#pragma once

// A worker of a server that is not the first: sessions that were admitted there go on here.

#include <map>

#include "core/engine/sessions.h"

namespace vpnd::engine {

class WorkerEngine {
 public:
  WorkerEngine(const SessionSettings&, const Workers&, const Room&, const Entropy&);

  std::size_t received(ConnId, MutBytes stream, TunBatch&, Now);
  void closed(ConnId, int errnum, Now);
  ConnId adopt(Moved&&, Now);
  void deliver(const Mail&, Now);
  TimePoint next_wake() const noexcept { return sessions_.carriers().deadlines.next(); }
  void wake(Now);
  void stop(Now);
  Report report(Now) const;

  Sessions& sessions() noexcept { return sessions_; }
  const Sessions& sessions() const noexcept { return sessions_; }
  std::vector<Post>& post() noexcept { return post_; }

 private:
  void on(const mail::Route& m, Now) { sessions_.route(m.inner, m.worker); }
  void on(const mail::Unroute& m, Now) { sessions_.unroute(m.inner, m.worker); }
  void on(const mail::Close&, Now);
  void on(const mail::Isolate& m, Now) { sessions_.isolate(m.on); }
  void on(const mail::Left&, Now) {}
  void due(Connection&, Now);

  std::vector<Post> post_;
  std::map<SessionNumber, ConnId> numbers_;
  Sessions sessions_;
};

}  // namespace vpnd::engine
