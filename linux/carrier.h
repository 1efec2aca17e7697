// SPDX-License-Identifier: ISC
#pragma once

// One carrier connection as its driver sees it, and the table of all of them. An idle one owns
// neither receive buffer nor send state.

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/engine/engine.h"
#include "linux/fd.h"

namespace vpnd::nl {

// Enough for a large read and one record that began in the one before.
inline constexpr std::size_t kReceiveRoom = 512 * 1024;
inline constexpr std::size_t kReceiveBuffer = kReceiveRoom + engine::Engine::max_receive();

class ReceiveBuffers {
 public:
  using Buffer = std::unique_ptr<std::uint8_t[]>;
  Buffer take();
  void give_back(Buffer) noexcept;

 private:
  std::vector<Buffer> free_;
};

// Pieces on their way into the socket; they belong to the engine until it is told they were sent.
struct Sending {
  std::array<iovec, 64> pieces;
  msghdr header{};
  std::size_t bytes = 0;
};

struct Carrier {
  enum class Stage : std::uint8_t {
    connecting,  // until writable
    open,
    moving,     // to another worker, as soon as nothing is in flight
    failing,    // shut down; the engine is told once nothing of its memory is in flight
    finishing,  // the engine hung up; what it had sealed is still being sent
    draining,   // FIN was sent; what comes is discarded, until the peer closes or time is up
    closing,    // only what is in flight is waited for
  };

  std::uint32_t slot = 0;
  Fd fd;
  engine::ConnId conn;
  Stage stage = Stage::open;
  int errnum = 0;             // failing
  std::uint32_t move_to = 0;  // moving

  ReceiveBuffers::Buffer buffer;
  std::size_t begin = 0, end = 0;
  bool at_end = false;   // the peer sent FIN
  bool read_on = false;  // data flows: read straight into the buffer instead of waiting first

  std::unique_ptr<Sending> sending;
  std::uint64_t sent = 0;
  TimePoint look_again{};  // at its path
  bool path_judged = false;
  std::size_t unsent = engine::standing_for({}).socket;  // that its socket may hold

  // For the waiting loops: operations in flight (io_uring), the interest registered (epoll).
  std::uint8_t in_flight = 0;
  std::uint32_t interest = 0;
  bool cancelled = false;
  bool touched = false;

  bool reads() const noexcept {
    return !at_end &&
           (stage == Stage::open || stage == Stage::finishing || stage == Stage::draining);
  }
};

class CarrierTable {
 public:
  Carrier& add(Fd, engine::ConnId, Carrier::Stage);
  Carrier* find(engine::ConnId) noexcept;    // the live one; a dead id finds nothing
  Carrier* at(std::uint32_t slot) noexcept;  // nullptr: free
  void forget(Carrier&) noexcept;            // its id is dead; the carrier itself lives on
  void remove(Carrier&) noexcept;
  std::size_t size() const noexcept { return slots_.size() - free_.size(); }
  template<class F>
  void each(F&& f) {
    for (auto& c : slots_) {
      if (c) f(*c);
    }
  }

 private:
  static constexpr std::uint32_t kNone = ~0u;
  std::vector<std::unique_ptr<Carrier>> slots_;
  std::vector<std::uint32_t> free_;
  std::vector<std::uint32_t> by_conn_;  // the engine's index -> slot
};

}  // namespace vpnd::nl
