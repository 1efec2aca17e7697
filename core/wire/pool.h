// SPDX-License-Identifier: ISC
#pragma once

// Fixed slots, each with room for one record around one whole GSO packet; no allocation after
// start. A slot is a container under construction, then a sealed record, then free again:
//
//   [ record header 4 ][ entry header 6 | packet ][ entry ... ] .. [ tag <= 32 ]
//     0                  4 = kRecordHeader                end()
//
// One owner at a time: a Slot handle is move-only and goes back to its pool when dropped.
// Not thread-safe: a pool belongs to one worker. What a slot holds can change pools all the same,
// in exchange for another slot's room, so that each pool has as many as before.

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "core/base/bytes.h"
#include "core/wire/messages.h"

namespace vpnd::wire {

inline constexpr std::size_t kMaxIpPacket = 65535;
inline constexpr std::size_t kSlotSize = 66 * 1024;
static_assert(kSlotSize >= kRecordHeader + kEntryHeader + kMaxIpPacket + kMaxTagRoom);

class Pool;

class Slot {
 public:
  Slot() noexcept = default;  // none
  Slot(Slot&& o) noexcept
      : pool_(std::exchange(o.pool_, nullptr)), memory_(o.memory_), used_(o.used_) {}
  Slot& operator=(Slot&& o) noexcept;
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;
  ~Slot() { release(); }

  explicit operator bool() const noexcept { return pool_ != nullptr; }
  MutBytes bytes() const noexcept;  // the whole slot
  // Where the container ends; kRecordHeader in a fresh slot.
  std::uint32_t end() const noexcept { return used_; }
  void set_end(std::uint32_t end) noexcept { used_ = end; }
  std::uint32_t plaintext() const noexcept {
    return used_ - static_cast<std::uint32_t>(kRecordHeader);
  }
  // Room for the packet of the next entry, leaving space for the entry header and the tag.
  MutBytes packet_room() const noexcept;
  void release() noexcept;
  // Each gets what the other holds, and stays its own pool's. Pre: neither is empty.
  void exchange(Slot& other) noexcept;

 private:
  friend class Pool;
  Slot(Pool* pool, std::uint8_t* memory) noexcept
      : pool_(pool), memory_(memory), used_(static_cast<std::uint32_t>(kRecordHeader)) {}
  Pool* pool_ = nullptr;
  std::uint8_t* memory_ = nullptr;  // kSlotSize bytes; of this pool's or of another's block
  std::uint32_t used_ = 0;
};

class Pool {
 public:
  // Those that exchanged slots must all live until the last of these slots is released.
  explicit Pool(std::size_t slots);
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  Slot take() noexcept;  // empty handle when there is none
  std::size_t free_slots() const noexcept { return free_.size(); }
  std::size_t capacity() const noexcept { return slots_; }

 private:
  friend class Slot;
  std::size_t slots_;
  std::unique_ptr<std::uint8_t[]> memory_;  // untouched pages cost nothing
  std::vector<std::uint8_t*> free_;
};

}  // namespace vpnd::wire
