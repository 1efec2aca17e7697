// SPDX-License-Identifier: ISC
#include "core/engine/path.h"

#include <criterion/criterion.h>

namespace vpnd::engine {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t megabits(std::uint64_t n) {
  return n * 1'000'000 / 8;
}

std::size_t in_socket(Duration round_trip, std::uint64_t rate) {
  return standing_for({round_trip, rate}).socket;
}

Test(path, a_slow_long_path_has_little_standing_in_the_socket) {
  cr_assert_eq(in_socket(40ms, megabits(200)), 62'500);
  cr_assert_eq(in_socket(1ms, megabits(200)), 62'500);
  cr_assert_eq(standing_for({40ms, megabits(200)}).batch, 62'500 / 4);
}

Test(path, a_fast_one_has_no_more_than_a_constant) {
  cr_assert_eq(in_socket(40ms, megabits(10'000)), 128 * 1024);
  cr_assert_eq(in_socket(40ms, ~std::uint64_t{0}), 128 * 1024);
}

// Woken up that often, a sender on a busy host would not keep up.
Test(path, the_slowest_one_has_enough_for_a_sender_that_is_late) {
  cr_assert_eq(in_socket(40ms, megabits(1)), 32 * 1024);
  cr_assert_eq(standing_for({40ms, 1}).batch, 8 * 1024);
}

Test(path, a_short_or_unknown_one_is_left_alone) {
  cr_assert_eq(in_socket(999us, megabits(1)), 128 * 1024);
  cr_assert_eq(in_socket({}, megabits(1)), 128 * 1024);
  cr_assert_eq(in_socket(40ms, 0), 128 * 1024);
  cr_assert_eq(standing_for({}).batch, 32 * 1024);
}

}  // namespace
}  // namespace vpnd::engine
