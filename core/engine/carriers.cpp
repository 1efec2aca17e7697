// SPDX-License-Identifier: ISC
#include "core/engine/carriers.h"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace vpnd::engine {
namespace {

constexpr std::uint32_t kNone = ~0u;
constexpr std::uint64_t kMix = 0x9e3779b97f4a7c15;
constexpr std::size_t kSharedRecord = 16 * 1024;
// A host takes two seconds over a hangup; then nobody will ask for the rest.
constexpr auto kReapAfter = std::chrono::seconds(5);

}  // namespace

Carriers::Carriers(const Room& room, Counters& counters, const Entropy& entropy)
    : room_(room),
      counters_(counters),
      pool_(room.slots),
      flows_(room.slots),
      scratch_(wire::kMaxIpPacket) {
  entropy(flow_key_);
}

Connection& Carriers::open(const Endpoint& endpoint, Phase phase, TimePoint now) {
  if (free_.empty()) {
    const auto index = static_cast<std::uint32_t>(all_.size());
    all_.emplace_back(flows_).id.index = index;
    free_.reserve(all_.size());
    backlog_.reserve(all_.size());
    free_.push_back(all_.back().id.index);
  }
  Connection& c = all_[free_.back()];
  free_.pop_back();
  c.phase = phase;
  c.endpoint = endpoint;
  c.since = now;
  c.batch = room_.batch_bytes;
  return c;
}

Connection* Carriers::find(ConnId id) noexcept {
  if (id.index >= all_.size()) return nullptr;
  Connection& c = all_[id.index];
  return c.id.generation == id.generation && c.phase != Phase::free ? &c : nullptr;
}

void Carriers::release(Connection& c) noexcept {
  if (c.channel) note_rekeys(c);
  unlist(c);
  deadlines.remove(c.id.index);
  c.reset();
  note_backlog(c);
  c.turn = Connection::Turn::none;
  c.phase = Phase::free;
  ++c.id.generation;
  free_.push_back(c.id.index);
}

void Carriers::retire(Connection& c, TimePoint now) {
  c.phase = Phase::closing;
  c.queue.clear();
  note_backlog(c);
  c.initiator.reset();
  c.gate.reset();
  deadlines.set(c.id.index, now + kReapAfter);
  want_send(c);
}

bool Carriers::note_rekeys(Connection& c) noexcept {
  const std::uint64_t fresh = c.channel->rekeys() - c.rekeys_seen;
  counters_.rekeys += fresh;
  c.rekeys_seen += fresh;
  return fresh != 0;
}

QueueLimits Carriers::limits(const Connection& c) const noexcept {
  const std::size_t record = c.send_limit;
  return {room_.queue_bytes, room_.copy_below, std::min(kSharedRecord, record), record};
}

wire::Slot Carriers::slot() noexcept {
  wire::Slot s = pool_.take();
  if (!s && evict()) s = pool_.take();
  return s;
}

void Carriers::lose(Connection& c, std::size_t packets, Drop why) noexcept {
  c.queue_drops += packets;
  counters_.drops[static_cast<std::size_t>(why)] += packets;
}

// The pool is empty: the connection with the longest queue pays, with the oldest record of its
// longest flow, so that one stopped reader cannot starve the others of slots.
bool Carriers::evict() noexcept {
  if (backlog_.empty()) return false;
  const auto fattest = std::max_element(backlog_.begin(), backlog_.end(), [&](auto a, auto b) {
    return all_[a].queue.bytes() < all_[b].queue.bytes();
  });
  Connection& c = all_[*fattest];
  lose(c, c.queue.shed(), Drop::queue_full);
  note_backlog(c);
  return true;
}

void Carriers::note_backlog(Connection& c) noexcept {
  if (c.queue.empty() == (c.backlog == kNone)) return;
  if (c.backlog == kNone) {
    c.backlog = static_cast<std::uint32_t>(backlog_.size());
    backlog_.push_back(c.id.index);
    return;
  }
  backlog_[c.backlog] = backlog_.back();
  all_[backlog_[c.backlog]].backlog = c.backlog;
  backlog_.pop_back();
  c.backlog = kNone;
}

Drop Carriers::enqueue(Connection& c, wire::Slot& slot, const Packet& p, TimePoint now) noexcept {
  const MutBytes packet = slot.packet_room().first(p.size);
  // The connection's number is part of it, since the flows of all share one table.
  const std::uint64_t flow = flow_id(packet, p.ip, flow_key_) ^ (kMix * (c.id.index + 1));
  const QueuedPacket queued{p.size, p.offload, flow, now};
  make_room(c, wire::kEntryHeader + p.size);
  const bool as_it_is = (c.peer_kinds & wire::kind_bit(p.offload.kind)) != 0 &&
                        wire::kEntryHeader + p.size <= c.send_limit;
  const Drop d = as_it_is ? c.queue.push(slot, queued, limits(c)) : convert(c, packet, queued);
  note_backlog(c);
  if (d != Drop::none) {
    counters_.drop(d);
    ++c.queue_drops;
    return d;
  }
  ++counters_.sent.packets;
  counters_.sent.bytes += p.size;
  ++c.sent.packets;
  c.sent.bytes += p.size;
  want_send(c);
  return Drop::none;
}

void Carriers::make_room(Connection& c, std::size_t bytes) noexcept {
  while (!c.queue.empty() && c.queue.bytes() + bytes > room_.queue_bytes) {
    lose(c, c.queue.shed(), Drop::queue_full);
  }
}

// For a peer whose TUN does not take this kind: cut and summed here, so that one record still
// carries many packets.
Drop Carriers::convert(Connection& c, MutBytes packet, const QueuedPacket& p) noexcept {
  wire::VnetHeader checked;
  const QueueLimits l = limits(c);
  if (const Drop d = wire::to_vnet(p.offload, packet, checked); d != Drop::none) return d;
  if (p.offload.kind == wire::Kind::plain) return Drop::too_large;
  if (p.offload.kind == wire::Kind::needs_checksum) {
    wire::complete_checksum(p.offload, packet);
    return c.queue.push_copy(pool_, packet, {p.size, {}, p.flow, p.now}, l);
  }
  struct Cut {
    Carriers& carriers;
    Connection& c;
    const QueuedPacket& whole;
    const QueueLimits& l;
    Drop result;
  } cut{*this, c, p, l, Drop::none};
  const auto emit = [&cut](MutBytes piece) {
    if (cut.result != Drop::none) return;
    cut.carriers.make_room(cut.c, wire::kEntryHeader + piece.size());
    const QueuedPacket one{piece.size(), {}, cut.whole.flow, cut.whole.now};
    cut.result = cut.c.queue.push_copy(cut.carriers.pool_, piece, one, cut.l);
  };
  if (!wire::segment(p.offload, packet, scratch_, emit)) return Drop::bad_offload;
  want_send(c);
  return cut.result;
}

void Carriers::want_send(Connection& c) noexcept {
  if (c.turn != Connection::Turn::none || !c.something_to_send()) return;
  c.turn = Connection::Turn::listed;
  c.ready_before = ready_last_;
  c.ready_after = kNone;
  (ready_last_ == kNone ? ready_first_ : all_[ready_last_].ready_after) = c.id.index;
  ready_last_ = c.id.index;
}

void Carriers::unlist(Connection& c) noexcept {
  if (c.turn != Connection::Turn::listed) return;
  (c.ready_before == kNone ? ready_first_ : all_[c.ready_before].ready_after) = c.ready_after;
  (c.ready_after == kNone ? ready_last_ : all_[c.ready_after].ready_before) = c.ready_before;
  c.turn = Connection::Turn::none;
}

std::optional<ConnId> Carriers::next_ready() noexcept {
  if (ready_first_ == kNone) return std::nullopt;
  Connection& c = all_[ready_first_];
  unlist(c);
  c.turn = Connection::Turn::named;
  return c.id;
}

// The next container to be sealed; small ones of several flows share one.
wire::Slot Carriers::next_record(Connection& c, TimePoint now) noexcept {
  const QueueLimits l = limits(c);
  const Pace pace = pace_for(c.path.round_trip);
  std::size_t lost = 0;
  wire::Slot slot = c.queue.pop(now, pace, lost);
  while (slot.plaintext() < l.shared_record) {
    const std::size_t room = l.shared_record - slot.plaintext();
    const wire::Slot more = c.queue.pop(now, pace, lost, std::min(room, l.copy_below));
    if (!more) break;
    const Bytes entries = more.bytes().subspan(wire::kRecordHeader, more.plaintext());
    std::memcpy(slot.bytes().data() + slot.end(), entries.data(), entries.size());
    slot.set_end(static_cast<std::uint32_t>(slot.end() + entries.size()));
  }
  lose(c, lost, Drop::queue_standing);
  return slot;
}

void Carriers::seal_batch(Connection& c, std::size_t max_records, TimePoint now) noexcept {
  std::size_t bytes = 0;
  while (!c.queue.empty() && max_records-- > 0 && bytes < c.batch) {
    wire::Slot slot = next_record(c, now);
    std::size_t wire_size = 0;
    const Drop d = c.channel->seal_data(slot.bytes(), slot.plaintext(), wire_size, now);
    if (d != Drop::none) {
      counters_.drop(d);
      break;
    }
    slot.set_end(static_cast<std::uint32_t>(wire_size));
    bytes += wire_size;
    ++counters_.records_sent;
    c.flight.push(std::move(slot));
  }
  note_backlog(c);
}

std::size_t Carriers::pieces(Connection& c, std::span<Bytes> out) noexcept {
  std::size_t n = 0, skip = c.flown;
  if (c.outbox_flies && n < out.size()) {
    out[n++] = Bytes(c.outbox->bytes).first(c.outbox->end).subspan(skip);
    skip = 0;
  }
  for (auto i = c.flight.first(); i != SlotList::kEnd && n < out.size(); i = c.flight.next(i)) {
    const wire::Slot& slot = c.flight.at(i);
    out[n++] = Bytes(slot.bytes()).first(slot.end()).subspan(skip);
    skip = 0;
  }
  return n;
}

std::size_t Carriers::gather(ConnId id, std::span<Bytes> out, TimePoint now) noexcept {
  Connection* c = find(id);
  if (c == nullptr || out.empty()) return 0;
  unlist(*c);
  c->turn = Connection::Turn::none;
  if (c->flying()) return pieces(*c, out);
  if (c->phase == Phase::moving) return 0;
  if (c->channel && c->channel->control_pending()) {
    if (!c->outbox) c->outbox = std::make_unique<Outbox>();
    const MutBytes room = MutBytes(c->outbox->bytes).subspan(c->outbox->end);
    c->outbox->end += static_cast<std::uint32_t>(c->channel->write_control(room, now));
  }
  c->outbox_flies = c->outbox && c->outbox->end != 0;
  // Data may not overtake a control message that found no room.
  if (c->channel && !c->channel->control_pending() && c->channel->may_send_data()) {
    seal_batch(*c, out.size() - (c->outbox_flies ? 1 : 0), now);
  }
  const std::size_t n = pieces(*c, out);
  if (n == 0 && c->phase == Phase::closing) release(*c);
  if (n != 0 && c->channel && c->phase != Phase::closing) arm(*c);
  return n;
}

void Carriers::sent(ConnId id, std::size_t bytes, TimePoint) noexcept {
  Connection* c = find(id);
  if (c == nullptr) return;
  c->flown += bytes;
  if (c->outbox_flies && c->flown >= c->outbox->end) {
    c->flown -= c->outbox->end;
    c->outbox->end = 0;
    c->outbox_flies = false;
  }
  while (!c->outbox_flies && !c->flight.empty() && c->flown >= c->flight.front().end()) {
    c->flown -= c->flight.front().end();
    c->flight.pop();
  }
  adapt_batch(*c);
  want_send(*c);
}

// What is sealed waits in order and cannot be overtaken, so it is little where the socket is what
// is waited for.
void Carriers::adapt_batch(Connection& c) noexcept {
  if (c.flying()) {
    c.stuttered = true;
  } else if (std::exchange(c.stuttered, false)) {
    const std::size_t least = std::min(standing_for(c.path).batch, room_.batch_bytes);
    c.batch = std::max(least, c.batch / 2);
  } else {
    c.batch = std::min(room_.batch_bytes, c.batch * 2);
  }
}

void Carriers::path(ConnId id, const Path& path) noexcept {
  if (Connection* c = find(id)) c->path = path;
}

}  // namespace vpnd::engine
