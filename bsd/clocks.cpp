// SPDX-License-Identifier: ISC
#include "bsd/clocks.h"

#include <time.h>

namespace vpnd::bsd {
namespace {

#ifdef CLOCK_BOOTTIME
constexpr clockid_t kSteady = CLOCK_BOOTTIME;
#else
constexpr clockid_t kSteady = CLOCK_MONOTONIC;
#endif

Duration read(clockid_t clock) noexcept {
  timespec t{};
  ::clock_gettime(clock, &t);
  return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
}

}  // namespace

Now read_clocks() noexcept {
  const auto wall = std::chrono::duration_cast<std::chrono::milliseconds>(read(CLOCK_REALTIME));
  return {TimePoint(read(kSteady)), static_cast<WallMs>(wall.count())};
}

}  // namespace vpnd::bsd
