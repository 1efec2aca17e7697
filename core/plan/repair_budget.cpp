// SPDX-License-Identifier: ISC
#include "core/plan/repair_budget.h"

#include <algorithm>

namespace vpnd::plan {

bool RepairBudget::take(TimePoint now) {
  if (resting(now)) return false;
  while (!taken_.empty() && now - taken_.front() >= kWithin) taken_.pop_front();
  if (taken_.size() < kMost) {
    taken_.push_back(now);
    return true;
  }
  const bool again = rest_ > Duration{} && now - rest_until_ < kLongestRest;
  rest_ = again ? std::min(2 * rest_, kLongestRest) : kFirstRest;
  rest_until_ = now + rest_;
  taken_.clear();
  return false;
}

}  // namespace vpnd::plan
