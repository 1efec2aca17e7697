// SPDX-License-Identifier: ISC
#include "core/engine/hand_over.h"

#include <utility>

namespace vpnd::engine {

static_assert((HandOver::kRoom & (HandOver::kRoom - 1)) == 0, "the counts wrap around");

bool HandOver::push(wire::Slot& slot, const wire::VnetHeader& vnet, std::size_t size) noexcept {
  reclaim();
  const std::uint32_t at = written_.load(std::memory_order_relaxed);
  if (at - reclaimed_ >= room_) return false;
  packets_[at % kRoom] = {size, vnet};
  slots_[at % kRoom] = std::move(slot);
  written_.store(at + 1, std::memory_order_release);
  return true;
}

void HandOver::reclaim() noexcept {
  // Whether anything is out is known without a look at what the reader writes.
  if (reclaimed_ == written_.load(std::memory_order_relaxed)) return;
  const std::uint32_t done = read_.load(std::memory_order_acquire);
  while (reclaimed_ != done) slots_[reclaimed_++ % kRoom].release();
}

void HandOver::clear() noexcept {
  for (wire::Slot& slot : slots_) slot.release();
  reclaimed_ = written_.load(std::memory_order_relaxed);
  read_.store(reclaimed_, std::memory_order_relaxed);
}

std::optional<HandOver::Packet> HandOver::front() const noexcept {
  const std::uint32_t at = read_.load(std::memory_order_relaxed);
  if (at == written_.load(std::memory_order_acquire)) return std::nullopt;
  return packets_[at % kRoom];
}

void HandOver::pop(wire::Slot& room) noexcept {
  const std::uint32_t at = read_.load(std::memory_order_relaxed);
  if (room) room.exchange(slots_[at % kRoom]);
  read_.store(at + 1, std::memory_order_release);
}

}  // namespace vpnd::engine
