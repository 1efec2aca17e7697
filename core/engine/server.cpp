// SPDX-License-Identifier: ISC
#include "core/engine/server.h"

#include <algorithm>

#include "core/base/event.h"
#include "crypto/hash.h"

namespace vpnd::engine {
namespace {

using namespace std::chrono_literals;

constexpr Rate kFailures{50ms, 20};  // failed gates of one source: 20 a second
constexpr Rate kClockPerSource{1s, 1};
constexpr std::size_t kMaxSources = 65536;

wire::Identity identity_of(const wire::PeerEntry& peer) {
  wire::Identity id;
  std::copy(peer.key.begin(), peer.key.end(), id.bytes.begin());
  id.size = static_cast<std::uint8_t>(peer.key.size());
  return id;
}

}  // namespace

ServerEngine::ServerEngine(ServerSettings&& settings, const Room& room, Entropy entropy, Now now)
    : settings_(std::move(settings)),
      entropy_(std::move(entropy)),
      limits_(room.limits),
      carriers_(room, counters_, entropy_),
      rule_{settings_.server_v4, settings_.server_v6, settings_.pool_v4, settings_.pool_v6,
            settings_.isolate},
      half_open_(room.half_open, room.half_open_per_source, entropy_),
      replays_(now, entropy_),
      failures_(kFailures, kMaxSources, entropy_),
      clock_sources_(kClockPerSource, kMaxSources, entropy_),
      pool_({settings_.pool_v4, settings_.server_v4, settings_.first_lease,
             std::chrono::seconds(settings_.lease_seconds)}) {
  pin_addresses();
}

void ServerEngine::pin_addresses() {
  std::vector<std::pair<wire::Identity, Address>> pins;
  for (const wire::PeerEntry& peer : settings_.identity.peers) {
    if (peer.address) pins.emplace_back(identity_of(peer), *peer.address);
  }
  pool_.pin(std::move(pins));
}

std::string ServerEngine::label(const Connection& c) const {
  const std::string address = c.inner.v4.text();
  return c.name.empty() ? address : fmt::format("{} ({})", c.name, address);
}

std::string ServerEngine::peer_name(const Connection& c) {
  return c.name.empty() ? c.inner.v4.text() : c.name;
}

std::optional<ConnId> ServerEngine::accepted(const Endpoint& from, Now now) {
  if (stopped_) return std::nullopt;
  const Source source = source_of(from.address);
  const auto place = half_open_.place(source, entropy_);
  if (!place) {
    counters_.drop(Drop::half_open_full);
    return std::nullopt;
  }
  if (place->evict) {
    counters_.drop(Drop::half_open_full);
    hang_up(carriers_.at(*place->evict), now);
  }
  Connection& c = carriers_.open(from, Phase::opening, now.mono);
  const std::chrono::milliseconds span = wire::kUnauthMax - wire::kUnauthMin;
  const std::uint32_t extra = uniform(entropy_, static_cast<std::uint32_t>(span.count()) + 1);
  c.deadline = now.mono + wire::kUnauthMin + std::chrono::milliseconds(extra);
  carriers_.deadlines.set(c.id.index, c.deadline);
  half_open_.add(c.id.index, source);
  return c.id;
}

// Whatever tables it stands in because it has not authenticated.
void ServerEngine::forget_opening(Connection& c, Now now) {
  if (c.phase == Phase::draining) --draining_;
  if (c.phase == Phase::confirming) pool_.release(c.identity, now.mono);
  half_open_.remove(c.id.index);
}

void ServerEngine::add_routes(const Connection& c) {
  routes_.insert(Prefix::host(c.inner.v4), c.id.index);
  if (c.inner.v6) routes_.insert(Prefix::host(*c.inner.v6), c.id.index);
}

void ServerEngine::drop_routes(const Connection& c) {
  routes_.erase(Prefix::host(c.inner.v4), c.id.index);
  if (c.inner.v6) routes_.erase(Prefix::host(*c.inner.v6), c.id.index);
}

// A session ends: its address is held for it, its routes are gone.
void ServerEngine::leave(Connection& c, std::string_view why, Now now) {
  drop_routes(c);
  sessions_.erase(c.identity);
  pool_.disconnect(c.identity, now.mono);
  emit({.kind = EventKind::lost,
        .text = fmt::format("client {} is gone: {}", label(c), why),
        .peer = peer_name(c),
        .endpoint = c.endpoint.text()});
}

void ServerEngine::hang_up(Connection& c, Now now) {
  forget_opening(c, now);
  effects_.push_back(Hangup{c.id});
  carriers_.retire(c, now.mono);
}

void ServerEngine::close_session(Connection& c, wire::CloseReason reason, std::string_view why,
                                 Now now) {
  leave(c, why, now);
  c.channel->close(reason);
  hang_up(c, now);
}

void ServerEngine::closed(ConnId id, int errnum, Now now) {
  Connection* c = carriers_.find(id);
  if (c == nullptr) return;
  if (c->phase == Phase::up) leave(*c, errnum == 0 ? "connection closed" : "connection lost", now);
  forget_opening(*c, now);
  carriers_.release(*c);
}

std::size_t ServerEngine::received(ConnId id, MutBytes stream, TunBatch& tun, Now now) {
  Connection* c = carriers_.find(id);
  if (c == nullptr) return stream.size();
  switch (c->phase) {
    case Phase::opening:
    case Phase::queued:
      return read_opening(*c, stream, now);
    case Phase::confirming:
    case Phase::up:
      return receive_session(*c, stream, tun, now);
    case Phase::free:
    case Phase::dialing:
    case Phase::retiring:
    case Phase::draining:
    case Phase::closing:
      break;
  }
  return stream.size();
}

std::size_t ServerEngine::receive_session(Connection& c, MutBytes stream, TunBatch& tun, Now now) {
  const ConnId id = c.id;
  const auto allowed = [&](const wire::IpInfo& ip) {
    return check_from_client(ip, c.inner, rule_);
  };
  const auto on = [&](const wire::Channel::Received& got) { return on_event(c, got, now); };
  const std::size_t used =
      receive_records(c, stream, {tun, counters_, settings_.kinds, now.mono}, allowed, on);
  if (carriers_.find(id) != nullptr && c.phase == Phase::up) {
    carriers_.arm(c);
    carriers_.want_send(c);
  }
  return used;
}

bool ServerEngine::on_event(Connection& c, const wire::Channel::Received& got, Now now) {
  using Event = wire::Channel::Event;
  switch (got.event) {
    case Event::need_more:
    case Event::data:
    case Event::handled:
    case Event::pong:
    case Event::lease:
    case Event::config:
      return true;
    case Event::confirmed:
      return established(c, now);
    case Event::closed:
      if (c.phase == Phase::up) leave(c, "it said goodbye", now);
      hang_up(c, now);
      return false;
    case Event::failed:
      break;
  }
  if (c.phase == Phase::confirming) {
    drain(c, got.drop, now);
    return false;
  }
  counters_.drop(got.drop);
  leave(c, name(got.drop), now);
  hang_up(c, now);
  return false;
}

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
  c.phase = Phase::up;
  c.since = now.mono;
  if (older != sessions_.end()) {
    Connection& old = carriers_.at(older->second);
    emit({.kind = EventKind::roamed,
          .text = fmt::format("client {}: session from {} superseded by {}", label(c),
                              old.endpoint.text(), c.endpoint.text()),
          .peer = peer_name(c),
          .endpoint = c.endpoint.text()});
    drop_routes(old);
    old.channel->close(wire::CloseReason::superseded);
    hang_up(old, now);
  } else {
    emit({.kind = EventKind::connected,
          .text = fmt::format("client {} is up from {}", label(c), c.endpoint.text()),
          .peer = peer_name(c),
          .endpoint = c.endpoint.text()});
  }
  sessions_[c.identity] = c.id.index;
  add_routes(c);
  ++counters_.handshakes;
  carriers_.deadlines.set(c.id.index, c.channel->next_deadline());
  return true;
}

Drop ServerEngine::from_tun(wire::Slot& slot, const wire::VnetHeader& vnet, std::size_t size,
                            Now now) noexcept {
  const auto dropped = [&](Drop d) {
    counters_.drop(d);
    return d;
  };
  const MutBytes packet = slot.packet_room().first(size);
  const auto ip = wire::parse_ip(packet);
  if (!ip) return dropped(Drop::malformed);
  const auto owner = routes_.find(ip->destination);
  if (!owner) return dropped(Drop::no_route);
  Connection& c = carriers_.at(*owner);
  if (c.phase != Phase::up) return dropped(Drop::no_session);
  const auto offload = wire::from_vnet(vnet, packet);
  if (!offload) return dropped(Drop::bad_offload);
  return carriers_.enqueue(c, slot, {size, *offload, *ip}, now.mono);
}

void ServerEngine::due(Connection& c, Now now) {
  switch (c.phase) {
    case Phase::free:
    case Phase::dialing:
    case Phase::retiring:
      return;
    case Phase::opening:
    case Phase::queued:
      counters_.drop(Drop::deadline);
      return hang_up(c, now);
    case Phase::draining:
      return hang_up(c, now);
    case Phase::confirming:
      return drain(c, Drop::deadline, now);
    case Phase::closing:
      if (!c.flying()) carriers_.release(c);
      return;
    case Phase::up:
      break;
  }
  if (c.channel->tick(now.mono) == wire::Channel::Health::dead) {
    leave(c, "no answer", now);
    return hang_up(c, now);
  }
  if (carriers_.note_rekeys(c)) {
    emit({.kind = EventKind::rekeyed,
          .level = Level::debug,
          .text = fmt::format("client {}: rekeyed", label(c)),
          .peer = peer_name(c),
          .endpoint = c.endpoint.text()});
  }
  carriers_.deadlines.set(c.id.index, std::max(c.channel->next_deadline(), now.mono + 1ms));
  carriers_.want_send(c);
}

void ServerEngine::wake(Now now) {
  while (const auto index = carriers_.deadlines.pop_due(now.mono)) due(carriers_.at(*index), now);
  run_handshakes(now);
}

void ServerEngine::stop(Now now) {
  stopped_ = true;
  waiting_.clear();
  for (std::uint32_t i = 0; i < carriers_.count(); ++i) {
    Connection& c = carriers_.at(i);
    if (c.phase == Phase::free || c.phase == Phase::closing) continue;
    if (c.phase == Phase::up) {
      close_session(c, wire::CloseReason::shutdown, "the server stops", now);
    } else {
      hang_up(c, now);
    }
  }
}

void ServerEngine::replace_peers(std::vector<wire::PeerEntry>&& peers, Now now) {
  const std::vector<wire::PeerEntry> before =
      std::exchange(settings_.identity.peers, std::move(peers));
  pin_addresses();
  const auto revoked = [&](const Connection& c) {
    const auto same = [&](const wire::PeerEntry& p) { return identity_of(p) == c.identity; };
    const auto was = std::find_if(before.begin(), before.end(), same);
    const auto is =
        std::find_if(settings_.identity.peers.begin(), settings_.identity.peers.end(), same);
    return is == settings_.identity.peers.end() || was == before.end() ||
           !crypto::equal(was->psk.bytes(), is->psk.bytes());
  };
  for (std::uint32_t i = 0; i < carriers_.count(); ++i) {
    Connection& c = carriers_.at(i);
    if (c.phase != Phase::up && c.phase != Phase::confirming) continue;
    if (revoked(c)) {
      if (c.phase == Phase::confirming) {
        drain(c, Drop::unknown_peer, now);
      } else {
        close_session(c, wire::CloseReason::revoked, "its key is revoked", now);
      }
    } else if (const auto pin = pool_.pinned(c.identity);
               c.phase == Phase::up && pin && *pin != c.inner.v4) {
      close_session(c, wire::CloseReason::shutdown, "it gets another address", now);
    }
  }
}

void ServerEngine::change(const ServerChanges& changes) {
  settings_.max_clients = changes.max_clients;
  settings_.isolate = rule_.isolate = changes.isolate;
  settings_.mtu = changes.mtu;
  settings_.dns_v4 = changes.dns_v4;
  settings_.dns_v6 = changes.dns_v6;
}

Report ServerEngine::report(Now now) const {
  Report r;
  r.server = true;
  r.counters = counters_;
  r.half_open = static_cast<std::uint32_t>(half_open_.size()) - draining_;
  r.draining = draining_;
  for (const auto& [identity, index] : sessions_) {
    const Connection& c = carriers_.at(index);
    r.peers.push_back({.name = c.name,
                       .endpoint = c.endpoint,
                       .inner_v4 = c.inner.v4,
                       .inner_v6 = c.inner.v6.value_or(Address{}),
                       .received = c.received,
                       .sent = c.sent,
                       .age = now.mono - c.since,
                       .rtt = c.channel->rtt(),
                       .rtt_min = c.channel->rtt_min(),
                       .next_rekey = {},
                       .queue_drops = c.queue_drops,
                       .cipher = c.channel->cipher()});
  }
  return r;
}

}  // namespace vpnd::engine
