// SPDX-License-Identifier: ISC
#pragma once

// What a carrier's socket knows of the way to the other side, and what follows from it.

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "core/base/time.h"

namespace vpnd::engine {

// Of a shorter one no queue matters, and a sender that waits for its socket, or for a moment that
// its congestion control has set, loses more.
inline constexpr Duration kShortPath = std::chrono::milliseconds(1);

struct Path {
  Duration round_trip{};   // the shortest; zero: unknown
  std::uint64_t rate = 0;  // bytes a second that arrive; zero: unknown
};

// What is sealed leaves in order, the ping behind the bulk. So no more of it waits, in bytes:
struct Standing {
  std::size_t socket;  // that the socket holds and has not sent (TCP_NOTSENT_LOWAT)
  std::size_t batch;   // sealed at once, when the socket does not take at once what it is given
};
Standing standing_for(const Path&) noexcept;

}  // namespace vpnd::engine
