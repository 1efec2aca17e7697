// SPDX-License-Identifier: ISC
#include "core/engine/deadlines.h"

#include <criterion/criterion.h>

#include <map>

#include "tests/unit/engine/test_random.h"

namespace vpnd::engine {
namespace {

TimePoint at(std::uint32_t t) {
  return TimePoint{} + std::chrono::milliseconds(t);
}

Test(deadlines, agrees_with_a_sorted_map) {
  std::mt19937 random(5);
  Deadlines heap;
  std::map<std::uint32_t, TimePoint> reference;
  for (int step = 0; step < 100'000; ++step) {
    const std::uint32_t key = test::below(random, 60);
    const TimePoint when = at(test::below(random, 5000));
    switch (test::below(random, 4)) {
      case 0:
        heap.set(key, when);
        reference[key] = when;
        break;
      case 1:
        heap.remove(key);
        reference.erase(key);
        break;
      case 2:
        heap.no_later_than(key, when);
        reference[key] = reference.contains(key) ? std::min(reference[key], when) : when;
        break;
      default: {
        const auto due = heap.pop_due(when);
        TimePoint first = kNever;
        for (const auto& [k, t] : reference) first = std::min(first, t);
        cr_assert_eq(due.has_value(), first <= when);
        if (due) {
          cr_assert(reference.at(*due) == first);
          reference.erase(*due);
        }
      }
    }
    cr_assert_eq(heap.size(), reference.size());
    cr_assert(heap.at(key) == (reference.contains(key) ? reference[key] : kNever));
  }
}

}  // namespace
}  // namespace vpnd::engine
