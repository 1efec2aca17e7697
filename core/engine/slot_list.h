// SPDX-License-Identifier: ISC
#pragma once

// Lists of slots that never allocate.

#include <cstdint>
#include <vector>

#include "core/base/time.h"
#include "core/wire/pool.h"

namespace vpnd::engine {

// The links of all lists of one worker. One node a slot of the pool is enough, since a slot has one
// owner.
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
    TimePoint since;
  };
  std::vector<Node> nodes_;
  std::uint32_t free_ = 0;
};

class SlotList {
 public:
  static constexpr std::uint32_t kEnd = ~0u;
  explicit SlotList(SlotNodes& nodes) noexcept : nodes_(&nodes) {}
  ~SlotList() { clear(); }
  SlotList(SlotList&&) = delete;

  bool empty() const noexcept { return head_ == kEnd; }
  wire::Slot& front() noexcept { return nodes_->nodes_[head_].slot; }
  wire::Slot& back() noexcept { return nodes_->nodes_[tail_].slot; }
  // Pre: a slot of the worker's pool. `since` is the caller's.
  void push(wire::Slot&& slot, TimePoint since = {}) noexcept;
  TimePoint front_since() const noexcept { return nodes_->nodes_[head_].since; }
  wire::Slot pop() noexcept;  // pre: !empty()
  void clear() noexcept;

  std::uint32_t first() const noexcept { return head_; }  // a walk: until kEnd
  std::uint32_t next(std::uint32_t node) const noexcept { return nodes_->nodes_[node].next; }
  const wire::Slot& at(std::uint32_t node) const noexcept { return nodes_->nodes_[node].slot; }

 private:
  SlotNodes* nodes_;
  std::uint32_t head_ = kEnd, tail_ = kEnd;  // the tail of an empty list says nothing
};

}  // namespace vpnd::engine
