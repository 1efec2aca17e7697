// SPDX-License-Identifier: ISC
#pragma once

// One carrier connection as its driver sees it. What the engine seals for it stays the engine's
// until a send has taken it, so that nothing of it is kept here; an idle one has no buffer either.

#include <cstdint>
#include <memory>

#include "bsd/fd.h"
#include "bsd/kqueue.h"
#include "core/engine/engine.h"

namespace vpnd::bsd {

// Enough for one read and a record that began in the one before.
inline constexpr std::size_t kReadRoom = 256 * 1024;
inline constexpr std::size_t kReceiveBuffer = kReadRoom + engine::Engine::max_receive();
using ReceiveBuffer = std::unique_ptr<std::uint8_t[]>;

struct Carrier {
  enum class Stage : std::uint8_t {
    connecting,  // until it is writable
    open,
    finishing,  // the engine hung up; what it had sealed is still being sent
    draining,   // FIN was sent; what comes is thrown away, until the peer closes or time is up
    ended,      // goes at the end of the turn
  };

  std::uintptr_t tag = 0;
  Fd fd;
  Interest interest;
  engine::ConnId conn;
  Stage stage = Stage::open;
  bool at_end = false;   // the peer sent FIN
  bool blocked = false;  // the socket took less than there is

  ReceiveBuffer buffer;
  std::size_t begin = 0, end = 0;  // what was received and not used up

  std::uint64_t sent = 0;  // bytes
  TimePoint look_again{};  // at its round trip
  Duration least_trip{};

  bool reads() const noexcept {
    return !at_end &&
           (stage == Stage::open || stage == Stage::finishing || stage == Stage::draining);
  }
};

}  // namespace vpnd::bsd
