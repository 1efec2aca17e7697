// SPDX-License-Identifier: ISC
#include "core/plan/rate_meter.h"

#include <criterion/criterion.h>

using namespace vpnd;
using namespace vpnd::plan;
using namespace std::chrono_literals;

namespace {
TimePoint at(Duration d) {
  return TimePoint(100s) + d;
}
}  // namespace

Test(rate_meter, one_look_is_no_rate) {
  RateMeter m;
  cr_assert_not(m.rates().has_value());
  m.look(at(0s), 1000, 0);
  cr_assert_not(m.rates().has_value());
}

Test(rate_meter, counts_bits_over_about_the_last_second) {
  RateMeter m;
  for (unsigned i = 0; i <= 40; ++i) m.look(at(i * 250ms), i * 1000, i * 10);
  cr_assert(m.rates() == (Rates{32000, 320}));
  // It stands still from here on, and a second later nothing is left of what was.
  for (unsigned i = 41; i <= 44; ++i) m.look(at(i * 250ms), 40000, 400);
  cr_assert(m.rates() == (Rates{0, 0}), "%lu", m.rates()->rx_bps);
}

Test(rate_meter, looks_that_follow_closely_are_no_noise) {
  RateMeter m;
  m.look(at(0ms), 0, 0);
  for (int i = 1; i <= 1000; ++i) m.look(at(i * 1ms), static_cast<std::uint64_t>(i) * 125, 0);
  cr_assert_eq(m.rates()->rx_bps, 1'000'000u);
  RateMeter two;
  two.look(at(0ms), 0, 0);
  two.look(at(1ms), 1'000'000, 0);
  cr_assert_not(two.rates().has_value(), "a millisecond says nothing");
}

Test(rate_meter, what_was_long_ago_is_not_now) {
  RateMeter m;
  m.look(at(0s), 0, 0);
  m.look(at(10s), 1000, 0);
  cr_assert(m.rates() == (Rates{800, 0}));
  m.look(at(30s), 2000, 0);
  cr_assert_not(m.rates().has_value());
  m.look(at(31s), 2125, 0);
  cr_assert(m.rates() == (Rates{1000, 0}));
}

Test(rate_meter, a_counter_that_began_anew) {
  RateMeter m;
  m.look(at(0s), 1'000'000, 5);
  m.look(at(1s), 100, 5);
  cr_assert_not(m.rates().has_value());
  m.look(at(2s), 225, 5);
  cr_assert(m.rates() == (Rates{1000, 0}));
}
