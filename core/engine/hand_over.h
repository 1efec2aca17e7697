// SPDX-License-Identifier: ISC
#pragma once

// Packets that one worker read from its queue of the TUN and that belong to a session of another
// one. Nothing is copied: the reader takes what a slot holds and leaves the room of one of its own,
// which the writer takes back as its own. One thread writes, one other reads; neither ever waits.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "core/wire/offload.h"
#include "core/wire/pool.h"

namespace vpnd::engine {

class HandOver {
 public:
  // More than one draining of the TUN brings.
  static constexpr std::uint32_t kRoom = 128;
  // What one worker has lent to all others at most, of its Room::slots: nobody wakes it when it
  // gets some back, so that it must not wait for that.
  static constexpr std::uint32_t kMostLent = 512;
  // Between two of so many.
  explicit HandOver(std::uint32_t workers = 2) noexcept
      : room_(std::min(kRoom, kMostLent / std::max(workers - 1, 1u))) {}

  // ---- the writer
  // A packet of `size` bytes at slot.packet_room() of a fresh slot. Takes the slot. False: full.
  bool push(wire::Slot& slot, const wire::VnetHeader&, std::size_t size) noexcept;
  void reclaim() noexcept;  // takes back what the reader has done with
  void clear() noexcept;    // takes back everything. Pre: the reader will not look again

  // ---- the reader
  struct Packet {
    std::size_t size = 0;
    wire::VnetHeader vnet;
  };
  std::optional<Packet> front() const noexcept;
  // That one: it is at room.packet_room(). `room`: a fresh slot of the reader's; without any, the
  // packet is gone. Pre: front() gave one.
  void pop(wire::Slot& room) noexcept;

 private:
  std::array<wire::Slot, kRoom> slots_;  // of the writer's pool; each in the hands of one of both
  std::array<Packet, kRoom> packets_;
  std::uint32_t room_;
  std::uint32_t reclaimed_ = 0;  // the writer's; all three count on for ever
  alignas(64) std::atomic<std::uint32_t> written_{0};
  alignas(64) std::atomic<std::uint32_t> read_{0};
};

}  // namespace vpnd::engine
