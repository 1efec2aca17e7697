// SPDX-License-Identifier: ISC
#include "core/plan/repair_budget.h"

#include <criterion/criterion.h>

using namespace vpnd;
using namespace vpnd::plan;
using namespace std::chrono_literals;

namespace {

// Takes as often as it may at this moment.
unsigned spend(RepairBudget& budget, TimePoint at) {
  unsigned n = 0;
  while (n < 100 && budget.take(at)) ++n;
  return n;
}

}  // namespace

Test(repair_budget, five_within_ten_seconds_and_then_a_rest) {
  RepairBudget b;
  TimePoint now{1h};
  cr_assert_eq(spend(b, now), 5u);
  cr_assert(b.resting(now));
  cr_assert(b.rest_until() == now + 10s);
  cr_assert_not(b.take(now + 9999ms), "in the middle of a rest");
  cr_assert(b.rest_until() == now + 10s, "asking made the rest longer");
  cr_assert_not(b.resting(now + 10s));
  cr_assert_eq(spend(b, now + 10s), 5u, "after the rest it begins anew");
}

Test(repair_budget, whoever_removes_slowly_is_never_left_alone) {
  RepairBudget b;
  TimePoint now{1h};
  for (int i = 0; i < 1000; ++i) {
    cr_assert(b.take(now), "%d", i);
    now += 2s;
  }
}

Test(repair_budget, the_window_slides) {
  RepairBudget b;
  const TimePoint begin{1h};
  for (const auto at : {0s, 6s, 7s, 8s, 9s}) cr_assert(b.take(begin + at));
  cr_assert(b.take(begin + 10s), "the first one is forgotten");
  cr_assert_not(b.take(begin + 15999ms), "the second one is not");
}

Test(repair_budget, rests_double_up_to_five_minutes) {
  RepairBudget b;
  TimePoint now{1h};
  for (const Duration expected : {10s, 20s, 40s, 80s, 160s, 300s, 300s}) {
    cr_assert_eq(spend(b, now), 5u);
    cr_assert(b.rest_until() - now == expected);
    now = b.rest_until() + 1s;
  }
}

Test(repair_budget, a_long_peace_makes_the_next_rest_short_again) {
  RepairBudget b;
  TimePoint now{1h};
  spend(b, now);
  now = b.rest_until();
  spend(b, now);
  cr_assert(b.rest() == 20s);
  now = b.rest_until() + 299s;
  spend(b, now);
  cr_assert(b.rest() == 40s, "not yet peace");
  now = b.rest_until() + 300s;
  spend(b, now);
  cr_assert(b.rest() == 10s);
}
