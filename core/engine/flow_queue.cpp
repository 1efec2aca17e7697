// SPDX-License-Identifier: ISC
#include "core/engine/flow_queue.h"

#include <bit>
#include <cstring>
#include <utility>

#include "core/wire/congestion.h"
#include "core/wire/container.h"

namespace vpnd::engine {
namespace {

using wire::kEntryHeader;
using wire::kRecordHeader;

constexpr std::uint32_t kNone = ~0u;
constexpr std::int64_t kQuantum = 8 * 1024;
// Fresh flows go first, but not for ever: any number of them, of one packet each, must not keep
// the others from their turn.
constexpr std::size_t kMostFavour = 64 * 1024;

// Tells the sender of the first packet that its queue stands. Returns how many packets that cost;
// the slot is empty then if it held no more.
std::size_t signal(wire::Slot& slot) noexcept {
  wire::ContainerReader reader(slot.bytes().subspan(kRecordHeader, slot.plaintext()));
  auto entry = reader.next();
  if (!entry || wire::mark_congestion(entry->packet)) return 0;
  std::uint8_t* header = slot.bytes().data() + kRecordHeader;
  const std::size_t whole = kEntryHeader + entry->packet.size();
  if (whole == slot.plaintext()) {
    const std::size_t size = wire::cut_last_segment(entry->offload, entry->packet);
    if (size != 0) {
      wire::write_entry_header(header, static_cast<std::uint16_t>(size), entry->offload);
      slot.set_end(static_cast<std::uint32_t>(kRecordHeader + kEntryHeader + size));
    } else {
      slot.release();
    }
    return 1;
  }
  std::memmove(header, header + whole, slot.plaintext() - whole);
  slot.set_end(static_cast<std::uint32_t>(slot.end() - whole));
  return 1;
}

}  // namespace

Flows::Flows(std::size_t slots)
    : nodes_(slots), all_(slots), buckets_(std::bit_ceil(slots + 1), kNone) {
  for (std::size_t i = 0; i < slots; ++i) all_[i].next = static_cast<std::uint32_t>(i + 1);
}

std::optional<std::uint32_t> Flows::find(std::uint64_t id) const noexcept {
  std::uint32_t i = buckets_[id & (buckets_.size() - 1)];
  while (i != kNone && all_[i].flow->id != id) i = all_[i].next;
  return i == kNone ? std::nullopt : std::optional(i);
}

std::uint32_t Flows::add(std::uint64_t id) noexcept {
  const std::uint32_t index = free_;
  Entry& e = all_[index];
  free_ = e.next;
  e.flow.emplace(nodes_, id);
  e.next = std::exchange(bucket(id), index);
  return index;
}

void Flows::remove(std::uint32_t index) noexcept {
  std::uint32_t* link = &bucket(all_[index].flow->id);
  while (*link != index) link = &all_[*link].next;
  *link = all_[index].next;
  all_[index].flow.reset();
  all_[index].next = std::exchange(free_, index);
}

void FlowQueue::link(std::uint32_t flow) noexcept {
  Flow& f = flows_.at(flow);
  List& list = list_of(f);
  f.before = list.last;
  f.after = kNone;
  (list.last == kNone ? list.first : flows_.at(list.last).after) = flow;
  list.last = flow;
}

void FlowQueue::unlink(std::uint32_t flow) noexcept {
  const Flow& f = flows_.at(flow);
  List& list = list_of(f);
  (f.before == kNone ? list.first : flows_.at(f.before).after) = f.after;
  (f.after == kNone ? list.last : flows_.at(f.after).before) = f.before;
}

bool FlowQueue::append(Bytes packet, const QueuedPacket& p, const QueueLimits& limits) noexcept {
  if (packet.size() >= limits.copy_below) return false;
  const auto flow = flows_.find(p.flow);
  if (!flow || !flows_.at(*flow).open) return false;
  wire::Slot& last = flows_.at(*flow).records.back();
  const std::size_t need = kEntryHeader + packet.size();
  if (last.plaintext() + need > limits.shared_record) return false;
  std::uint8_t* at = last.bytes().data() + last.end();
  wire::write_entry_header(at, static_cast<std::uint16_t>(packet.size()), p.offload);
  std::memcpy(at + kEntryHeader, packet.data(), packet.size());
  last.set_end(static_cast<std::uint32_t>(last.end() + need));
  flows_.at(*flow).bytes += need;
  bytes_ += need;
  return true;
}

void FlowQueue::keep(wire::Slot&& slot, const QueuedPacket& p, const QueueLimits& limits) noexcept {
  wire::write_entry_header(slot.bytes().data() + kRecordHeader, static_cast<std::uint16_t>(p.size),
                           p.offload);
  slot.set_end(static_cast<std::uint32_t>(kRecordHeader + kEntryHeader + p.size));
  auto flow = flows_.find(p.flow);
  if (!flow) {
    flow = flows_.add(p.flow);
    flows_.at(*flow).fresh = true;
    flows_.at(*flow).deficit = kQuantum;
    link(*flow);
  }
  Flow& f = flows_.at(*flow);
  f.records.push(std::move(slot), p.now);
  f.bytes += kEntryHeader + p.size;
  bytes_ += kEntryHeader + p.size;
  f.open = p.size < limits.copy_below;
}

Drop FlowQueue::push(wire::Slot& slot, const QueuedPacket& p, const QueueLimits& limits) noexcept {
  if (kEntryHeader + p.size > limits.record) return Drop::too_large;
  if (bytes_ + kEntryHeader + p.size > limits.bytes) return Drop::queue_full;
  if (!append(slot.packet_room().first(p.size), p, limits)) keep(std::move(slot), p, limits);
  return Drop::none;
}

Drop FlowQueue::push_copy(wire::Pool& pool, Bytes packet, const QueuedPacket& p,
                          const QueueLimits& limits) noexcept {
  if (kEntryHeader + p.size > limits.record) return Drop::too_large;
  if (bytes_ + kEntryHeader + p.size > limits.bytes) return Drop::queue_full;
  if (append(packet, p, limits)) return Drop::none;
  wire::Slot slot = pool.take();
  if (!slot || packet.size() > slot.packet_room().size()) return Drop::queue_full;
  std::memcpy(slot.packet_room().data(), packet.data(), packet.size());
  keep(std::move(slot), p, limits);
  return Drop::none;
}

wire::Slot FlowQueue::take(std::uint32_t flow) noexcept {
  Flow& f = flows_.at(flow);
  wire::Slot slot = f.records.pop();
  f.bytes -= slot.plaintext();
  bytes_ -= slot.plaintext();
  return slot;
}

void FlowQueue::end_if_empty(std::uint32_t flow) noexcept {
  if (!flows_.at(flow).records.empty()) return;
  unlink(flow);
  flows_.remove(flow);
}

// Whose turn it is; kNone: nobody waits.
std::uint32_t FlowQueue::turn() noexcept {
  for (;;) {
    const bool favoured = old_.first == kNone || favour_ < kMostFavour;
    const std::uint32_t flow = fresh_.first != kNone && favoured ? fresh_.first : old_.first;
    if (flow == kNone) return kNone;
    Flow& f = flows_.at(flow);
    if (f.deficit > 0) return flow;
    unlink(flow);
    f.deficit += kQuantum;
    f.fresh = false;
    link(flow);
  }
}

wire::Slot FlowQueue::pop(TimePoint now, const Pace& pace, std::size_t& lost,
                          std::size_t most) noexcept {
  for (std::uint32_t flow = turn(); flow != kNone; flow = turn()) {
    Flow& f = flows_.at(flow);
    if (f.records.front().plaintext() > most) break;
    const Duration waited = now - f.records.front_since();
    wire::Slot slot = take(flow);
    if (f.codel.signal(waited, !f.records.empty(), now, pace)) lost += signal(slot);
    if (slot) {
      f.deficit -= slot.plaintext();
      favour_ = f.fresh ? favour_ + slot.plaintext() : 0;
    }
    end_if_empty(flow);
    if (slot) return slot;
  }
  return {};
}

std::size_t FlowQueue::shed() noexcept {
  std::uint32_t fattest = fresh_.first != kNone ? fresh_.first : old_.first;
  for (const List* list : {&fresh_, &old_}) {
    for (std::uint32_t i = list->first; i != kNone; i = flows_.at(i).after) {
      if (flows_.at(i).bytes > flows_.at(fattest).bytes) fattest = i;
    }
  }
  const std::size_t packets = packets_in(take(fattest));
  end_if_empty(fattest);
  return packets;
}

void FlowQueue::clear() noexcept {
  for (const List* list : {&fresh_, &old_}) {
    while (list->first != kNone) {
      const std::uint32_t flow = list->first;
      flows_.at(flow).records.clear();
      end_if_empty(flow);
    }
  }
  bytes_ = favour_ = 0;
}

std::size_t packets_in(const wire::Slot& container) noexcept {
  std::size_t packets = 0;
  const std::uint8_t* base = container.bytes().data();
  for (std::size_t at = kRecordHeader; at + kEntryHeader <= container.end(); ++packets) {
    at += kEntryHeader + load_le16(base + at);
  }
  return packets;
}

}  // namespace vpnd::engine
