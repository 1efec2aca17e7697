// SPDX-License-Identifier: ISC
#include "core/engine/carriers.h"

#include <algorithm>
#include <chrono>

namespace vpnd::engine {
namespace {

constexpr std::uint32_t kNone = ~0u;
constexpr std::size_t kSharedRecord = 16 * 1024;
// A host takes two seconds over a hangup; then nobody will ask for the rest.
constexpr auto kReapAfter = std::chrono::seconds(5);

}  // namespace

Carriers::Carriers(const Room& room, Counters& counters)
    : room_(room),
      counters_(counters),
      pool_(room.slots),
      nodes_(room.slots),
      scratch_(wire::kMaxIpPacket) {}

Connection& Carriers::open(const Endpoint& endpoint, Phase phase, TimePoint now) {
  if (free_.empty()) {
    const auto index = static_cast<std::uint32_t>(all_.size());
    all_.emplace_back(nodes_).id.index = index;
    free_.reserve(all_.size());
    backlog_.reserve(all_.size());
    free_.push_back(all_.back().id.index);
  }
  Connection& c = all_[free_.back()];
  free_.pop_back();
  c.phase = phase;
  c.endpoint = endpoint;
  c.since = now;
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

void Carriers::note_rekeys(Connection& c) noexcept {
  counters_.rekeys += c.channel->rekeys() - c.rekeys_seen;
  c.rekeys_seen = c.channel->rekeys();
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

// The pool is empty: the connection with the longest queue pays, with its oldest record, so that
// one stopped reader cannot starve the others of slots.
bool Carriers::evict() noexcept {
  if (backlog_.empty()) return false;
  const auto fattest = std::max_element(backlog_.begin(), backlog_.end(), [&](auto a, auto b) {
    return all_[a].queue.bytes() < all_[b].queue.bytes();
  });
  Connection& c = all_[*fattest];
  const std::size_t packets = packets_in(c.queue.pop());
  c.queue_drops += packets;
  counters_.drops[static_cast<std::size_t>(Drop::queue_full)] += packets;
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

Drop Carriers::enqueue(Connection& c, wire::Slot& slot, std::size_t size,
                       const wire::Offload& offload) noexcept {
  const bool as_it_is = (c.peer_kinds & wire::kind_bit(offload.kind)) != 0 &&
                        wire::kEntryHeader + size <= c.send_limit;
  const Drop d = as_it_is ? c.queue.push(slot, size, offload, limits(c))
                          : convert(c, slot.packet_room().first(size), offload);
  if (d != Drop::none) {
    counters_.drop(d);
    ++c.queue_drops;
    return d;
  }
  ++counters_.sent.packets;
  counters_.sent.bytes += size;
  ++c.sent.packets;
  c.sent.bytes += size;
  note_backlog(c);
  want_send(c);
  return Drop::none;
}

// For a peer whose TUN does not take this kind: cut and summed here, so that one record still
// carries many packets.
Drop Carriers::convert(Connection& c, MutBytes packet, const wire::Offload& offload) noexcept {
  wire::VnetHeader checked;
  const QueueLimits l = limits(c);
  if (const Drop d = wire::to_vnet(offload, packet, checked); d != Drop::none) return d;
  if (offload.kind == wire::Kind::plain) return Drop::too_large;
  if (offload.kind == wire::Kind::needs_checksum) {
    wire::complete_checksum(offload, packet);
    return c.queue.push_copy(pool_, packet, {}, l);
  }
  struct Cut {
    Connection& c;
    wire::Pool& pool;
    const QueueLimits& l;
    Drop result;
  } cut{c, pool_, l, Drop::none};
  const auto emit = [&cut](MutBytes piece) {
    if (cut.result == Drop::none) cut.result = cut.c.queue.push_copy(cut.pool, piece, {}, cut.l);
  };
  if (!wire::segment(offload, packet, scratch_, emit)) return Drop::bad_offload;
  note_backlog(c);
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

void Carriers::seal_batch(Connection& c, std::size_t max_records, TimePoint now) noexcept {
  std::size_t bytes = 0;
  while (!c.queue.empty() && max_records-- > 0 && bytes < room_.batch_bytes) {
    wire::Slot slot = c.queue.pop();
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
  want_send(*c);
}

}  // namespace vpnd::engine
