// SPDX-License-Identifier: ISC
#pragma once

// Packets that one worker read from its queue of the TUN and that belong to a session of another
// one. The writer's slots are lent: the reader copies a packet out of its slot, and the writer
// takes the slot back once that is done. One thread writes, one other reads; neither ever waits.

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

  // ---- the writer
  // A packet of `size` bytes at slot.packet_room(). Takes the slot. False: full.
  bool push(wire::Slot& slot, const wire::VnetHeader&, std::size_t size) noexcept;
  void reclaim() noexcept;  // takes back what the reader has done with
  void clear() noexcept;    // takes back everything. Pre: the reader will not look again

  // ---- the reader
  struct Packet {
    Bytes bytes;
    wire::VnetHeader vnet;
  };
  std::optional<Packet> front() const noexcept;
  void pop() noexcept;  // pre: front() gave one, and it is not used any more

 private:
  std::array<wire::Slot, kRoom> lent_;  // the writer's
  std::array<Packet, kRoom> packets_;
  std::uint32_t reclaimed_ = 0;  // the writer's; all three count on for ever
  alignas(64) std::atomic<std::uint32_t> written_{0};
  alignas(64) std::atomic<std::uint32_t> read_{0};
};

}  // namespace vpnd::engine
