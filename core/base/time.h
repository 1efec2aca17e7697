// SPDX-License-Identifier: ISC
#pragma once

// Time comes in as an argument. The host fills it from CLOCK_BOOTTIME, so that a suspended machine
// sees its timers run out; tests fill it by hand.

#include <chrono>
#include <cstdint>

namespace vpnd {

struct Clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Clock>;
  static constexpr bool is_steady = true;
};
using TimePoint = Clock::time_point;
using Duration = Clock::duration;

inline constexpr TimePoint kNever = TimePoint::max();

// Milliseconds since 1970, for the two places where a peer's clock matters.
using WallMs = std::uint64_t;

struct Now {
  TimePoint mono;
  WallMs wall = 0;
};

}  // namespace vpnd
