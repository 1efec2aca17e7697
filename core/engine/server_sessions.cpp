// SPDX-License-Identifier: ISC
// Who is in, and with which worker.

#include <algorithm>

#include "core/base/event.h"
#include "core/engine/server.h"

namespace vpnd::engine {

// The client has proved that it is alive and holds the keys: only now may it replace anybody.
bool ServerEngine::established(Connection& c, Now now) {
  const auto older = sessions_.find(c.identity);
  if (older == sessions_.end() && full_for(c.identity)) {
    c.channel->close(wire::CloseReason::no_address);  // somebody else was faster
    hang_up(c, now);
    return false;
  }
  half_open_.remove(c.id.index);
  pool_.commit(c.identity);
  c.since = now.mono;
  c.session = ++last_session_;
  if (older != sessions_.end()) {
    supersede(older->second, c, now);
  } else {
    emit({.kind = EventKind::connected,
          .text = fmt::format("client {} is up from {}", label(c), c.endpoint.text()),
          .peer = peer_name(c),
          .endpoint = c.endpoint.text()});
  }
  ++counters_.handshakes;
  place(c);
  return true;
}

void ServerEngine::supersede(const Session& old, const Connection& by, Now now) {
  emit({.kind = EventKind::roamed,
        .text = fmt::format("client {}: session from {} superseded by {}", label(by),
                            old.endpoint.text(), by.endpoint.text()),
        .peer = peer_name(by),
        .endpoint = by.endpoint.text()});
  close(old, wire::CloseReason::superseded, now);
}

// The worker with the fewest takes it; the first of those, so that one client alone stays here.
void ServerEngine::place(Connection& c) {
  const auto fewest = std::ranges::min_element(load_);
  const auto worker = static_cast<std::uint32_t>(fewest - load_.begin());
  ++*fewest;
  const Session& s = sessions_[c.identity] = {c.session, worker,       c.id.index, c.inner,
                                              label(c),  peer_name(c), c.endpoint};
  if (worker != workers_.self) {
    c.phase = Phase::moving;
    carriers_.deadlines.remove(c.id.index);
    here_.effects().push_back(Move{c.id, worker});
    return;
  }
  here_.enter(c);
  tell_others(s, mail::Route{s.inner, worker});
}

std::optional<Moved> ServerEngine::take(ConnId id) {
  Connection* c = carriers_.find(id);
  if (c == nullptr || c->phase != Phase::moving) return std::nullopt;
  Session& s = sessions_.at(c->identity);
  s.here.reset();
  here_.route(s.inner, s.worker);
  tell_others(s, mail::Route{s.inner, s.worker});
  return here_.take(*c);
}

// Its routes at other workers, and itself. What is on its way to its worker is closed there.
void ServerEngine::close(const Session& s, wire::CloseReason reason, Now now) {
  --load_[s.worker];
  tell_others(s, mail::Unroute{s.inner, s.worker});
  if (s.here) return here_.close(carriers_.at(*s.here), reason, now);
  here_.unroute(s.inner, s.worker);
  post_.push_back({s.worker, mail::Close{s.number, reason}});
}

void ServerEngine::close_session(SessionMap::iterator s, wire::CloseReason reason,
                                 std::string_view why, Now now) {
  close(s->second, reason, now);
  forget(s, why, now);
}

// Its address is held for it.
void ServerEngine::forget(SessionMap::iterator s, std::string_view why, Now now) {
  pool_.disconnect(s->first, now.mono);
  emit({.kind = EventKind::lost,
        .text = fmt::format("client {} is gone: {}", s->second.label, why),
        .peer = s->second.name,
        .endpoint = s->second.endpoint.text()});
  sessions_.erase(s);
}

// By itself, here or elsewhere. A newer one may have replaced it meanwhile.
void ServerEngine::ended(const wire::Identity& id, SessionNumber number, std::string_view why,
                         Now now) {
  const auto s = sessions_.find(id);
  if (s == sessions_.end() || s->second.number != number) return;
  --load_[s->second.worker];
  here_.unroute(s->second.inner, s->second.worker);
  tell_others(s->second, mail::Unroute{s->second.inner, s->second.worker});
  forget(s, why, now);
}

// All but this one and the session's own.
void ServerEngine::tell_others(const Session& s, const Mail& mail) {
  for (std::uint32_t i = 0; i < workers_.count; ++i) {
    if (i != workers_.self && i != s.worker) post_.push_back({i, mail});
  }
}

void ServerEngine::deliver(const Mail& mail, Now now) {
  if (const auto* left = std::get_if<mail::Left>(&mail)) {
    ended(left->identity, left->number, left->why, now);
  }
}

}  // namespace vpnd::engine
