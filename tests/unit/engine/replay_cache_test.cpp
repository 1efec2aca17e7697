// SPDX-License-Identifier: ISC
#include "core/engine/replay_cache.h"

#include <criterion/criterion.h>

#include <set>

#include "tests/unit/engine/test_random.h"

namespace vpnd::engine {
namespace {

using namespace std::chrono_literals;

constexpr WallMs kStart = 1'700'000'000'000;

Now after(Duration d) {
  return {TimePoint{} + 100s + d,
          kStart + static_cast<WallMs>(
                       std::chrono::duration_cast<std::chrono::milliseconds>(d).count())};
}

struct Fixture {
  std::mt19937 random{1};
  ReplayCache cache;
  explicit Fixture(std::size_t entries = ReplayCache::kEntries)
      : cache(after(0s), test::entropy_of(random), entries) {}
};

Test(replay_cache, an_opening_is_accepted_once) {
  Fixture f;
  cr_assert(f.cache.accept(7, kStart, after(1s)) == Drop::none);
  cr_assert(f.cache.accept(7, kStart, after(1s)) == Drop::replayed);
  cr_assert(f.cache.accept(7, kStart, after(10s)) == Drop::replayed);
  cr_assert(f.cache.accept(8, kStart, after(10s)) == Drop::none);
  cr_assert(f.cache.accept(7, kStart, after(600s)) == Drop::bad_time);
}

Test(replay_cache, the_window_is_180_s_each_way) {
  Fixture f;
  const Now now = after(1000s);
  cr_assert(f.cache.accept(1, now.wall - 180'000, now) == Drop::none);
  cr_assert(f.cache.accept(2, now.wall - 180'001, now) == Drop::bad_time);
  cr_assert(f.cache.accept(3, now.wall + 180'000, now) == Drop::none);
  cr_assert(f.cache.accept(4, now.wall + 180'001, now) == Drop::bad_time);
}

Test(replay_cache, what_was_made_before_this_server_is_refused) {
  Fixture f;
  cr_assert(f.cache.accept(1, kStart - 5000, after(1s)) == Drop::none);
  cr_assert(f.cache.accept(2, kStart - 5001, after(1s)) == Drop::bad_time);
}

Test(replay_cache, never_twice_and_never_more_than_its_room) {
  Fixture f(500);
  std::mt19937 random(9);
  std::set<std::uint64_t> accepted;
  std::size_t refused = 0;
  Duration t = 0s;
  for (int step = 0; step < 200'000; ++step) {
    t += std::chrono::milliseconds(test::below(random, 20));
    const std::uint64_t id = test::below(random, 20'000);
    // One id has one time, as one recorded opening has.
    const WallMs time = kStart + id * 50;
    if (f.cache.accept(id, time, after(t)) == Drop::none) {
      cr_assert(accepted.insert(id).second, "accepted twice");
    } else {
      ++refused;
    }
    cr_assert_leq(f.cache.size(), 500u);
  }
  cr_assert_gt(accepted.size(), 1000u);
  cr_assert_gt(refused, 1000u);
}

Test(replay_cache, a_full_cache_shrinks_the_window_from_the_old_end) {
  Fixture f(10);
  for (std::uint64_t i = 0; i < 10; ++i) {
    cr_assert(f.cache.accept(i, kStart + i, after(1s)) == Drop::none);
  }
  cr_assert(f.cache.accept(10, kStart + 10, after(1s)) == Drop::none);
  cr_assert(f.cache.accept(0, kStart, after(1s)) == Drop::bad_time);  // forgotten, yet refused
  cr_assert(f.cache.accept(1, kStart + 1, after(1s)) == Drop::replayed);
}

Test(replay_cache, a_clock_set_forward_and_back_does_not_shut_everybody_out) {
  Fixture f;
  cr_assert(f.cache.accept(1, kStart + 1000, after(1s)) == Drop::none);
  Now jumped = after(2s);
  jumped.wall += 86'400'000;
  cr_assert(f.cache.accept(2, jumped.wall, jumped) == Drop::none);
  const Now back = after(3s);
  cr_assert(f.cache.accept(3, back.wall, back) == Drop::none);
  cr_assert(f.cache.accept(2, jumped.wall, back) == Drop::bad_time);
}

}  // namespace
}  // namespace vpnd::engine
