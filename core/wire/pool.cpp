// SPDX-License-Identifier: ISC
#include "core/wire/pool.h"

namespace vpnd::wire {

Slot& Slot::operator=(Slot&& o) noexcept {
  if (this != &o) {
    release();
    pool_ = std::exchange(o.pool_, nullptr);
    memory_ = o.memory_;
    used_ = o.used_;
  }
  return *this;
}

MutBytes Slot::bytes() const noexcept {
  if (pool_ == nullptr) return {};
  return {memory_, kSlotSize};
}

MutBytes Slot::packet_room() const noexcept {
  const std::size_t begin = used_ + kEntryHeader, end = kSlotSize - kMaxTagRoom;
  if (pool_ == nullptr || begin >= end) return {};
  return bytes().subspan(begin, end - begin);
}

void Slot::release() noexcept {
  if (pool_ == nullptr) return;
  pool_->free_.push_back(memory_);  // never grows: reserved for every slot
  pool_ = nullptr;
}

void Slot::exchange(Slot& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(used_, other.used_);
}

Pool::Pool(std::size_t slots)
    : slots_(slots), memory_(std::make_unique_for_overwrite<std::uint8_t[]>(slots * kSlotSize)) {
  free_.reserve(slots);
  for (std::size_t i = slots; i > 0; --i) free_.push_back(memory_.get() + (i - 1) * kSlotSize);
}

Slot Pool::take() noexcept {
  if (free_.empty()) return {};
  std::uint8_t* memory = free_.back();
  free_.pop_back();
  return Slot(this, memory);
}

}  // namespace vpnd::wire
