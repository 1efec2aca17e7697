// SPDX-License-Identifier: ISC
#include "core/engine/sessions.h"

#include <algorithm>

#include "core/base/event.h"

namespace vpnd::engine {
namespace {

using namespace std::chrono_literals;

constexpr AllowedIps::Owner kElsewhere = 1u << 31;

void for_each_prefix(const InnerAddresses& inner, const auto& act) {
  act(Prefix::host(inner.v4));
  if (inner.v6) act(Prefix::host(*inner.v6));
}

}  // namespace

std::string label(const Connection& c) {
  const std::string address = c.inner.v4.text();
  return c.name.empty() ? address : fmt::format("{} ({})", c.name, address);
}

std::string peer_name(const Connection& c) {
  return c.name.empty() ? c.inner.v4.text() : c.name;
}

SessionSettings session_settings(const ServerSettings& s) {
  return {{s.server_v4, s.server_v6, s.pool_v4, s.pool_v6, s.isolate}, s.kinds};
}

Sessions::Sessions(const SessionSettings& settings, const Workers& workers, const Room& room,
                   const Entropy& entropy, Ended ended)
    : settings_(settings),
      workers_(workers),
      carriers_(room, counters_, entropy),
      ended_(std::move(ended)) {}

// What is on its way to others is of our pool.
Sessions::~Sessions() {
  for (HandOver* to : workers_.to) {
    if (to != nullptr) to->clear();
  }
}

// ---- coming and going

void Sessions::enter(Connection& c) {
  c.phase = Phase::up;
  for_each_prefix(c.inner, [&](const Prefix& p) { routes_.insert(p, c.id.index); });
  carriers_.deadlines.set(c.id.index, c.channel->next_deadline());
  carriers_.want_send(c);
}

Connection& Sessions::adopt(Moved&& m, Now now) {
  Connection& c = carriers_.open(m.endpoint, Phase::up, now.mono);
  c.since = m.since;
  c.session = m.number;
  c.channel = std::exchange(m.channel, std::nullopt);
  c.rekeys_seen = m.rekeys_seen;
  c.discard = m.discard;
  c.peer_kinds = m.peer_kinds;
  c.send_limit = m.send_limit;
  c.identity = m.identity;
  c.name = std::move(m.name);
  c.inner = m.inner;
  enter(c);
  return c;
}

Moved Sessions::take(Connection& c) {
  Moved m;
  m.number = c.session;
  m.endpoint = c.endpoint;
  m.since = c.since;
  carriers_.note_rekeys(c);
  m.rekeys_seen = c.rekeys_seen;
  m.channel = std::exchange(c.channel, std::nullopt);
  m.discard = c.discard;
  m.peer_kinds = c.peer_kinds;
  m.send_limit = c.send_limit;
  m.identity = c.identity;
  m.name = std::move(c.name);
  m.inner = c.inner;
  carriers_.release(c);
  return m;
}

void Sessions::route(const InnerAddresses& inner, std::uint32_t worker) {
  for_each_prefix(inner, [&](const Prefix& p) { routes_.insert(p, kElsewhere | worker); });
}

void Sessions::unroute(const InnerAddresses& inner, std::uint32_t worker) {
  for_each_prefix(inner, [&](const Prefix& p) { routes_.erase(p, kElsewhere | worker); });
}

void Sessions::drop_routes(const Connection& c) {
  for_each_prefix(c.inner, [&](const Prefix& p) { routes_.erase(p, c.id.index); });
}

void Sessions::hang_up(Connection& c, Now now) {
  effects_.push_back(Hangup{c.id});
  carriers_.retire(c, now.mono);
}

void Sessions::lost(Connection& c, std::string_view why, Now now) {
  drop_routes(c);
  ended_(c, why, now);
}

void Sessions::close(Connection& c, wire::CloseReason reason, Now now) {
  drop_routes(c);
  c.channel->close(reason);
  hang_up(c, now);
}

// ---- from the peer

std::size_t Sessions::received(Connection& c, MutBytes stream, TunBatch& tun, Now now) {
  const auto on = [&](const wire::Channel::Received& got) { return on_event(c, got, now); };
  return received(c, stream, tun, now, on);
}

bool Sessions::on_event(Connection& c, const wire::Channel::Received& got, Now now) {
  using Event = wire::Channel::Event;
  switch (got.event) {
    case Event::need_more:
    case Event::data:
    case Event::handled:
    case Event::confirmed:
    case Event::pong:
    case Event::lease:
    case Event::config:
      return true;
    case Event::closed:
      lost(c, "it said goodbye", now);
      break;
    case Event::failed:
      counters_.drop(got.drop);
      lost(c, name(got.drop), now);
      break;
  }
  hang_up(c, now);
  return false;
}

// ---- from the TUN

wire::Slot Sessions::slot() noexcept {
  for (HandOver* to : workers_.to) {
    if (to != nullptr) to->reclaim();
  }
  return carriers_.slot();
}

Drop Sessions::from_tun(wire::Slot& slot, const wire::VnetHeader& vnet, std::size_t size,
                        Now now) noexcept {
  return to_owner(slot, vnet, size, now, Origin::tun);
}

Drop Sessions::to_owner(wire::Slot& slot, const wire::VnetHeader& vnet, std::size_t size, Now now,
                        Origin origin) noexcept {
  const auto dropped = [&](Drop d) {
    counters_.drop(d);
    return d;
  };
  const MutBytes packet = slot.packet_room().first(size);
  const auto ip = wire::parse_ip(packet);
  if (!ip) return dropped(Drop::malformed);
  const auto owner = routes_.find(ip->destination);
  if (!owner) return dropped(Drop::no_route);
  if ((*owner & kElsewhere) != 0) {
    // Who was given it is not the owner any more: it goes round no further.
    if (origin == Origin::other_worker) return dropped(Drop::no_session);
    return dropped(hand_over(*owner & ~kElsewhere, slot, vnet, size));
  }
  Connection& c = carriers_.at(*owner);
  if (c.phase != Phase::up) return dropped(Drop::no_session);
  const auto offload = wire::from_vnet(vnet, packet);
  if (!offload) return dropped(Drop::bad_offload);
  return carriers_.enqueue(c, slot, {size, *offload, *ip}, now.mono);
}

Drop Sessions::hand_over(std::uint32_t worker, wire::Slot& slot, const wire::VnetHeader& vnet,
                         std::size_t size) noexcept {
  if (!workers_.to[worker]->push(slot, vnet, size)) return Drop::hand_over_full;
  ++counters_.handed_over;
  handed_to_ |= 1u << worker;
  return Drop::none;
}

void Sessions::take_handed(Now now) noexcept {
  for (HandOver* from : workers_.from) {
    if (from == nullptr) continue;
    // No more than there is room for, or a busy neighbour would keep us here: for what comes later
    // it rings again.
    for (std::uint32_t i = 0; i < HandOver::kRoom; ++i) {
      const auto packet = from->front();
      if (!packet) break;
      wire::Slot slot = carriers_.slot();
      from->pop(slot);
      if (slot) {
        to_owner(slot, packet->vnet, packet->size, now, Origin::other_worker);
      } else {
        counters_.drop(Drop::queue_full);
      }
    }
  }
}

// ---- time, and what is told

void Sessions::tick(Connection& c, Now now) {
  if (c.channel->tick(now.mono) == wire::Channel::Health::dead) {
    lost(c, "no answer", now);
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

std::vector<PeerReport> Sessions::rows(Now now) const {
  std::vector<PeerReport> out;
  for (std::uint32_t i = 0; i < carriers_.count(); ++i) {
    const Connection& c = carriers_.at(i);
    if (c.phase != Phase::up && c.phase != Phase::moving) continue;
    out.push_back(c.report(now.mono));
    out.back().worker = workers_.self;
  }
  return out;
}

}  // namespace vpnd::engine
