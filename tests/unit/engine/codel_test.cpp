// SPDX-License-Identifier: ISC
#include "core/engine/codel.h"

#include <criterion/criterion.h>

#include <chrono>
#include <cmath>
#include <vector>

namespace vpnd::engine {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1h};

// Signals of a queue whose records, one a millisecond, have waited so long.
std::vector<Duration> signals(Codel& codel, Duration waited, Duration from, Duration until,
                              bool more = true, const Pace& pace = pace_for({})) {
  std::vector<Duration> out;
  for (Duration t = from; t < until; t += 1ms) {
    if (codel.signal(waited, more, kStart + t, pace)) out.push_back(t);
  }
  return out;
}

Test(codel, a_short_wait_is_no_queue) {
  Codel codel;
  cr_assert(signals(codel, pace_for({}).target - 1ns, 0s, 10s).empty());
}

Test(codel, a_wait_of_just_the_target_is_one) {
  Codel codel;
  cr_assert_not(signals(codel, pace_for({}).target, 0s, 200ms).empty());
}

Test(codel, a_burst_is_none_either) {
  Codel codel;
  for (Duration t{}; t < 5s; t += 100ms) {
    cr_assert(signals(codel, 50ms, t, t + 90ms).empty());
    cr_assert(signals(codel, 1ms, t + 90ms, t + 100ms).empty());
  }
}

Test(codel, the_last_record_is_never_held_against_its_sender) {
  Codel codel;
  cr_assert(signals(codel, 1s, 0s, 10s, false).empty());
}

// The n-th wait between two signals is the interval over the root of n (RFC 8289 5.3).
Test(codel, signals_come_sooner_the_longer_the_queue_stands) {
  Codel codel;
  const auto at = signals(codel, 50ms, 0s, 1s);
  cr_assert_gt(at.size(), 10u);
  cr_assert_eq(at[0].count(), Duration(100ms).count());
  double due = 100;
  for (std::size_t n = 1; n < at.size(); ++n) {
    due += 100 / std::sqrt(static_cast<double>(n));
    const double ms = static_cast<double>(at[n].count()) / 1e6;
    // The first record that leaves when it is due or later; what one is late, no other is.
    cr_assert(ms > due - 0.001 && ms < due + 0.999, "%zu: %f, due %f", n, ms, due);
  }
}

Test(codel, what_held_before_is_taken_up_again) {
  Codel codel;
  const auto first = signals(codel, 50ms, 0s, 1s);
  cr_assert(signals(codel, 1ms, 1s, 1100ms).empty());
  const auto again = signals(codel, 50ms, 1100ms, 1300ms);
  cr_assert_geq(again.size(), 2u);
  cr_assert_lt((again[1] - again[0]).count(), Duration(50ms).count());
  // Not after a long time.
  cr_assert(signals(codel, 1ms, 1300ms, 5s).empty());
  const auto late = signals(codel, 50ms, 5s, 5300ms);
  cr_assert_geq(late.size(), 2u);
  cr_assert_geq((late[1] - late[0]).count(), Duration(99ms).count());
}

// The rate that held is that of the stretch before, not of all that ever were (RFC 8289 5.5,
// delta).
Test(codel, only_the_stretch_before_counts) {
  Codel codel;
  cr_assert_gt(signals(codel, 50ms, 0s, 1s).size(), 20u);
  cr_assert(signals(codel, 1ms, 1000ms, 1010ms).empty());
  // Two more than the one that it begins with.
  cr_assert_eq(signals(codel, 50ms, 1010ms, 1155ms).size(), 3u);
  cr_assert(signals(codel, 1ms, 1155ms, 1165ms).empty());
  const auto last = signals(codel, 50ms, 1165ms, 1400ms);
  cr_assert_eq(last[0].count(), Duration(1265ms).count());
  cr_assert_eq((last[1] - last[0]).count(), Duration(71ms).count());  // 100 over the root of two
}

Test(codel, a_long_path_may_have_a_longer_queue) {
  cr_assert_eq(pace_for({}).target.count(), Duration(10ms).count());
  cr_assert_eq(pace_for(200ms).target.count(), Duration(100ms).count());
  cr_assert_gt(pace_for(200ms).interval.count(), Duration(200ms).count());
  Codel codel;
  cr_assert(signals(codel, 90ms, 0s, 10s, true, pace_for(200ms)).empty());
}

}  // namespace
}  // namespace vpnd::engine
