// SPDX-License-Identifier: ISC
#pragma once

// How often what somebody removed is put back: two programs that undo each other's work would
// otherwise do it for ever. Five repairs within ten seconds, then a rest of ten seconds, and each
// time it happens again one twice as long, up to five minutes. Who has left us alone for that long
// is trusted anew.

#include <chrono>
#include <deque>

#include "core/base/time.h"

namespace vpnd::plan {

class RepairBudget {
 public:
  static constexpr unsigned kMost = 5;
  static constexpr Duration kWithin = std::chrono::seconds(10);
  static constexpr Duration kFirstRest = std::chrono::seconds(10);
  static constexpr Duration kLongestRest = std::chrono::minutes(5);

  // May there be a repair now? The first "no" begins a rest.
  bool take(TimePoint now);
  bool resting(TimePoint now) const noexcept { return now < rest_until_; }
  TimePoint rest_until() const noexcept { return rest_until_; }
  Duration rest() const noexcept { return rest_; }  // how long the last one was to be

 private:
  std::deque<TimePoint> taken_;
  TimePoint rest_until_{};
  Duration rest_{};
};

}  // namespace vpnd::plan
