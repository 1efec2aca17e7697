// SPDX-License-Identifier: ISC
#include "core/engine/codel.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace vpnd::engine {
namespace {

using namespace std::chrono_literals;

constexpr Duration kTarget = 10ms, kInterval = 100ms;
constexpr int kMemory = 16;  // intervals: so long the rate that held is taken up again

// RFC 8289 5.3: the next signal comes sooner with the square root of how many there were.
TimePoint after(TimePoint t, std::uint32_t count, const Pace& pace) noexcept {
  const double wait = static_cast<double>(pace.interval.count()) / std::sqrt(count);
  return t + Duration(static_cast<Duration::rep>(wait));
}

}  // namespace

Pace pace_for(Duration round_trip) noexcept {
  return {std::max(kTarget, round_trip / 2), kInterval + round_trip};
}

bool Codel::standing(Duration waited, bool more, TimePoint now, const Pace& pace) noexcept {
  if (waited < pace.target || !more) {
    stands_from_ = kNever;
    return false;
  }
  if (stands_from_ == kNever) stands_from_ = now + pace.interval;
  return now >= stands_from_;
}

bool Codel::signal(Duration waited, bool more, TimePoint now, const Pace& pace) noexcept {
  if (!standing(waited, more, now, pace)) {
    signalling_ = false;
    return false;
  }
  if (signalling_) {
    if (now < next_) return false;
    next_ = after(next_, ++count_, pace);
    return true;
  }
  signalling_ = true;
  const std::uint32_t since = count_ - last_count_;
  count_ = since > 1 && now - next_ < kMemory * pace.interval ? since : 1;
  last_count_ = count_;
  next_ = after(now, count_, pace);
  return true;
}

}  // namespace vpnd::engine
