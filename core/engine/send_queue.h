// SPDX-License-Identifier: ISC
#pragma once

// Records of one connection that wait to be sealed. A slot is one record's container; small packets
// are copied behind each other into the last one, so that they share a record and their own slots
// are free again.

#include <cstdint>
#include <vector>

#include "core/base/drop.h"
#include "core/wire/offload.h"
#include "core/wire/pool.h"

namespace vpnd::engine {

// The links of all lists of one worker: no list ever allocates. One node a slot of the pool is
// enough, since a slot has one owner.
class SlotNodes {
 public:
  explicit SlotNodes(std::size_t slots);
  SlotNodes(const SlotNodes&) = delete;
  SlotNodes& operator=(const SlotNodes&) = delete;

 private:
  friend class SlotList;
  struct Node {
    wire::Slot slot;
    std::uint32_t next;
  };
  std::vector<Node> nodes_;
  std::uint32_t free_ = 0;
};

class SlotList {
 public:
  static constexpr std::uint32_t kEnd = ~0u;
  explicit SlotList(SlotNodes& nodes) noexcept : nodes_(nodes) {}
  ~SlotList() { clear(); }
  SlotList(const SlotList&) = delete;
  SlotList& operator=(const SlotList&) = delete;

  bool empty() const noexcept { return head_ == kEnd; }
  wire::Slot& front() noexcept { return nodes_.nodes_[head_].slot; }
  wire::Slot& back() noexcept { return nodes_.nodes_[tail_].slot; }
  void push(wire::Slot&& slot) noexcept;  // pre: a slot of the worker's pool
  wire::Slot pop() noexcept;              // pre: !empty()
  void clear() noexcept;

  std::uint32_t first() const noexcept { return head_; }  // a walk: until kEnd
  std::uint32_t next(std::uint32_t node) const noexcept { return nodes_.nodes_[node].next; }
  const wire::Slot& at(std::uint32_t node) const noexcept { return nodes_.nodes_[node].slot; }

 private:
  SlotNodes& nodes_;
  std::uint32_t head_ = kEnd, tail_ = kEnd;
};

struct QueueLimits {
  std::size_t bytes = 0;          // plaintext in all records together
  std::size_t copy_below = 0;     // packets smaller than this share a record
  std::size_t shared_record = 0;  // plaintext of a shared record
  std::size_t record = 0;         // plaintext of any record: what the peer announced
};

class SendQueue {
 public:
  explicit SendQueue(SlotNodes& nodes) noexcept : slots_(nodes) {}

  bool empty() const noexcept { return slots_.empty(); }
  std::size_t bytes() const noexcept { return bytes_; }
  // A packet that lies at slot.packet_room() of a fresh slot. Takes the slot unless it copied or
  // dropped.
  [[nodiscard]] Drop push(wire::Slot& slot, std::size_t size, const wire::Offload&,
                          const QueueLimits&) noexcept;
  // A packet that lies elsewhere.
  [[nodiscard]] Drop push_copy(wire::Pool&, Bytes packet, const wire::Offload&,
                               const QueueLimits&) noexcept;
  wire::Slot pop() noexcept;  // the oldest record; pre: !empty()
  void clear() noexcept;

 private:
  bool append(Bytes packet, const wire::Offload&, const QueueLimits&) noexcept;
  void keep(wire::Slot&& slot, std::size_t size, const wire::Offload&, const QueueLimits&) noexcept;

  SlotList slots_;
  std::size_t bytes_ = 0;
  bool open_ = false;  // the last record takes more
};

// How many packets a container holds that we wrote ourselves.
std::size_t packets_in(const wire::Slot& container) noexcept;

}  // namespace vpnd::engine
