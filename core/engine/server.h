// SPDX-License-Identifier: ISC
#pragma once

// A server's first worker: who may come in, who is in and where, and which inner address is whose.
//
//   accepted -> opening -> (gate, time, replay) queued -> (curve work, s1) confirming -> up
//        or, from confirming, moving: on its way to another worker
//        any of the first three fails: draining, silent, until the one deadline of its own

#include <deque>
#include <map>
#include <vector>

#include "core/engine/address_pool.h"
#include "core/engine/half_open.h"
#include "core/engine/rate_limiter.h"
#include "core/engine/replay_cache.h"
#include "core/engine/sessions.h"

namespace vpnd::engine {

class ServerEngine {
 public:
  ServerEngine(ServerSettings&&, const Workers&, const Room&, Entropy, Now);

  std::optional<ConnId> accepted(const Endpoint& from, Now);
  void closed(ConnId, int errnum, Now);
  std::size_t received(ConnId, MutBytes stream, TunBatch&, Now);
  std::optional<Moved> take(ConnId);
  void deliver(const Mail&, Now);
  TimePoint next_wake() const noexcept;
  void wake(Now);
  void stop(Now);
  void replace_peers(std::vector<wire::PeerEntry>&&, Now);
  void change(const ServerChanges&);
  Report report(Now) const;

  Sessions& sessions() noexcept { return here_; }
  const Sessions& sessions() const noexcept { return here_; }
  std::vector<Post>& post() noexcept { return post_; }

 private:
  // One session, wherever it is.
  struct Session {
    SessionNumber number = 0;
    std::uint32_t worker = 0;
    std::optional<std::uint32_t> here;  // its connection; none once it has gone to its worker
    InnerAddresses inner;
    std::string label, name;  // see label() and peer_name()
    Endpoint endpoint;
  };
  using SessionMap = std::map<wire::Identity, Session>;

  // server.cpp: connections
  void hang_up(Connection&, Now);
  void forget_opening(Connection&, Now);
  void pin_addresses();
  bool revoked(const wire::Identity&, const std::vector<wire::PeerEntry>& before) const;
  void due(Connection&, Now);
  bool on_event(Connection&, const wire::Channel::Received&, Now);

  // server_sessions.cpp: who is in
  bool established(Connection&, Now);
  void supersede(const Session&, const Connection& by, Now);
  void place(Connection&);
  void close(const Session&, wire::CloseReason, Now);
  void close_session(SessionMap::iterator, wire::CloseReason, std::string_view why, Now);
  void ended(const wire::Identity&, SessionNumber, std::string_view why, Now);
  void forget(SessionMap::iterator, std::string_view why, Now);
  void tell_others(const Session&, const Mail&);

  // server_handshake.cpp: up to s1
  std::size_t read_opening(Connection&, Bytes stream, Now);
  void gate(Connection&, Now);
  void drain(Connection&, Drop why, Now);
  void offer_clock(Connection&, const wire::Gate&, Now);
  void run_handshakes(Now);
  void handshake(Connection&, Now);
  wire::HelloS answer(Connection&, const wire::HelloC&, const wire::PeerEntry*, Now);
  wire::Lease make_lease(const wire::Identity&, const Address& v4, bool want_v6, Now) const;
  void respond(Connection&, wire::Responder&, const wire::HelloS&, Now);
  bool full_for(const wire::Identity&) const noexcept;

  ServerSettings settings_;
  Entropy entropy_;
  wire::ChannelLimits limits_;
  Workers workers_;
  std::vector<Post> post_;
  Sessions here_;
  Carriers& carriers_;
  Counters& counters_;

  HalfOpen half_open_;
  std::uint32_t draining_ = 0;
  ReplayCache replays_;
  RateLimiter failures_, clock_sources_;
  Bucket clock_replies_, curve_;
  std::deque<ConnId> waiting_;  // for curve work, oldest first
  AddressPool pool_;
  SessionMap sessions_;
  SessionNumber last_session_ = 0;
  std::vector<std::uint32_t> load_;  // sessions, by worker
  bool stopped_ = false;
};

}  // namespace vpnd::engine
