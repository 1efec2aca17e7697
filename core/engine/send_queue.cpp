// SPDX-License-Identifier: ISC
#include "core/engine/send_queue.h"

#include <cstring>

#include "core/wire/container.h"

namespace vpnd::engine {

using wire::kEntryHeader;
using wire::kRecordHeader;

SlotNodes::SlotNodes(std::size_t slots) : nodes_(slots) {
  for (std::size_t i = 0; i < slots; ++i) nodes_[i].next = static_cast<std::uint32_t>(i + 1);
}

void SlotList::push(wire::Slot&& slot) noexcept {
  const std::uint32_t node = nodes_.free_;
  nodes_.free_ = nodes_.nodes_[node].next;
  nodes_.nodes_[node].slot = std::move(slot);
  nodes_.nodes_[node].next = kEnd;
  if (head_ == kEnd) {
    head_ = node;
  } else {
    nodes_.nodes_[tail_].next = node;
  }
  tail_ = node;
}

wire::Slot SlotList::pop() noexcept {
  const std::uint32_t node = head_;
  wire::Slot slot = std::move(nodes_.nodes_[node].slot);
  head_ = nodes_.nodes_[node].next;
  if (head_ == kEnd) tail_ = kEnd;
  nodes_.nodes_[node].next = nodes_.free_;
  nodes_.free_ = node;
  return slot;
}

void SlotList::clear() noexcept {
  while (!empty()) pop();
}

bool SendQueue::append(Bytes packet, const wire::Offload& offload,
                       const QueueLimits& limits) noexcept {
  if (!open_ || slots_.empty() || packet.size() >= limits.copy_below) return false;
  wire::Slot& last = slots_.back();
  const std::size_t need = kEntryHeader + packet.size();
  if (last.plaintext() + need > limits.shared_record) return false;
  std::uint8_t* at = last.bytes().data() + last.end();
  wire::write_entry_header(at, static_cast<std::uint16_t>(packet.size()), offload);
  std::memcpy(at + kEntryHeader, packet.data(), packet.size());
  last.set_end(static_cast<std::uint32_t>(last.end() + need));
  bytes_ += need;
  return true;
}

void SendQueue::keep(wire::Slot&& slot, std::size_t size, const wire::Offload& offload,
                     const QueueLimits& limits) noexcept {
  wire::write_entry_header(slot.bytes().data() + kRecordHeader, static_cast<std::uint16_t>(size),
                           offload);
  slot.set_end(static_cast<std::uint32_t>(kRecordHeader + kEntryHeader + size));
  slots_.push(std::move(slot));
  bytes_ += kEntryHeader + size;
  open_ = size < limits.copy_below;
}

Drop SendQueue::push(wire::Slot& slot, std::size_t size, const wire::Offload& offload,
                     const QueueLimits& limits) noexcept {
  if (kEntryHeader + size > limits.record) return Drop::too_large;
  if (bytes_ + kEntryHeader + size > limits.bytes) return Drop::queue_full;
  if (!append(slot.packet_room().first(size), offload, limits)) {
    keep(std::move(slot), size, offload, limits);
  }
  return Drop::none;
}

Drop SendQueue::push_copy(wire::Pool& pool, Bytes packet, const wire::Offload& offload,
                          const QueueLimits& limits) noexcept {
  if (kEntryHeader + packet.size() > limits.record) return Drop::too_large;
  if (bytes_ + kEntryHeader + packet.size() > limits.bytes) return Drop::queue_full;
  if (append(packet, offload, limits)) return Drop::none;
  wire::Slot slot = pool.take();
  if (!slot || packet.size() > slot.packet_room().size()) return Drop::queue_full;
  std::memcpy(slot.packet_room().data(), packet.data(), packet.size());
  keep(std::move(slot), packet.size(), offload, limits);
  return Drop::none;
}

wire::Slot SendQueue::pop() noexcept {
  wire::Slot slot = slots_.pop();
  bytes_ -= slot.plaintext();
  return slot;
}

void SendQueue::clear() noexcept {
  slots_.clear();
  bytes_ = 0;
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
