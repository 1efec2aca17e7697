// SPDX-License-Identifier: ISC
#include "core/engine/worker.h"

namespace vpnd::engine {

WorkerEngine::WorkerEngine(const SessionSettings& settings, const Workers& workers,
                           const Room& room, const Entropy& entropy)
    : sessions_(settings, workers, room, entropy,
                [this](const Connection& c, std::string_view why, Now) {
                  numbers_.erase(c.session);
                  post_.push_back({0, mail::Left{c.session, c.identity, why}});
                }) {}

ConnId WorkerEngine::adopt(Moved&& moved, Now now) {
  const Connection& c = sessions_.adopt(std::move(moved), now);
  numbers_[c.session] = c.id;
  return c.id;
}

std::size_t WorkerEngine::received(ConnId id, MutBytes stream, TunBatch& tun, Now now) {
  Connection* c = sessions_.carriers().find(id);
  if (c == nullptr || c->phase != Phase::up) return stream.size();
  return sessions_.received(*c, stream, tun, now);
}

void WorkerEngine::closed(ConnId id, int errnum, Now now) {
  Connection* c = sessions_.carriers().find(id);
  if (c == nullptr) return;
  if (c->phase == Phase::up) sessions_.lost(*c, why_closed(errnum), now);
  sessions_.carriers().release(*c);
}

void WorkerEngine::deliver(const Mail& mail, Now now) {
  std::visit([&](const auto& m) { on(m, now); }, mail);
}

// It may have ended while this was on its way.
void WorkerEngine::on(const mail::Close& m, Now now) {
  const auto found = numbers_.find(m.number);
  if (found == numbers_.end()) return;
  Connection* c = sessions_.carriers().find(found->second);
  numbers_.erase(found);
  if (c != nullptr && c->phase == Phase::up) sessions_.close(*c, m.reason, now);
}

void WorkerEngine::due(Connection& c, Now now) {
  if (c.phase == Phase::up) return sessions_.tick(c, now);
  if (c.phase == Phase::closing && !c.flying()) sessions_.carriers().release(c);
}

void WorkerEngine::wake(Now now) {
  Carriers& all = sessions_.carriers();
  while (const auto index = all.deadlines.pop_due(now.mono)) due(all.at(*index), now);
}

void WorkerEngine::stop(Now now) {
  Carriers& all = sessions_.carriers();
  for (std::uint32_t i = 0; i < all.count(); ++i) {
    if (all.at(i).phase == Phase::up) {
      sessions_.close(all.at(i), wire::CloseReason::shutdown, now);
    }
  }
  numbers_.clear();
}

Report WorkerEngine::report(Now now) const {
  Report r;
  r.server = true;
  r.counters = sessions_.counters();
  r.peers = sessions_.rows(now);
  return r;
}

}  // namespace vpnd::engine
