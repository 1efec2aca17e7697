// SPDX-License-Identifier: ISC
#include "core/engine/slot_list.h"

namespace vpnd::engine {

SlotNodes::SlotNodes(std::size_t slots) : nodes_(slots) {
  for (std::size_t i = 0; i < slots; ++i) nodes_[i].next = static_cast<std::uint32_t>(i + 1);
}

void SlotList::push(wire::Slot&& slot, TimePoint since) noexcept {
  const std::uint32_t at = nodes_->free_;
  SlotNodes::Node& node = nodes_->nodes_[at];
  nodes_->free_ = node.next;
  node.slot = std::move(slot);
  node.next = kEnd;
  node.since = since;
  (head_ == kEnd ? head_ : nodes_->nodes_[tail_].next) = at;
  tail_ = at;
}

wire::Slot SlotList::pop() noexcept {
  const std::uint32_t at = head_;
  SlotNodes::Node& node = nodes_->nodes_[at];
  wire::Slot slot = std::move(node.slot);
  head_ = node.next;
  node.next = nodes_->free_;
  nodes_->free_ = at;
  return slot;
}

void SlotList::clear() noexcept {
  while (!empty()) pop();
}

}  // namespace vpnd::engine
