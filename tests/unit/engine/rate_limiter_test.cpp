// SPDX-License-Identifier: ISC
#include "core/engine/rate_limiter.h"

#include <criterion/criterion.h>

#include <map>

#include "tests/unit/engine/test_random.h"

namespace vpnd::engine {
namespace {

using namespace std::chrono_literals;

// A bucket as one would draw it: tokens that drip in.
struct SlowBucket {
  std::int64_t credit;  // nanoseconds' worth of tokens
  TimePoint last;
};

Test(rate_limiter, agrees_with_dripping_buckets) {
  std::mt19937 random(3);
  const Rate rate{50ms, 20};
  RateLimiter limiter(rate, 1000, test::entropy_of(random));
  std::map<Source, SlowBucket> reference;
  const std::int64_t full = rate.interval.count() * rate.burst;
  TimePoint now = TimePoint{} + 10s;
  int refused = 0;
  for (int step = 0; step < 200'000; ++step) {
    now += std::chrono::microseconds(test::below(random, 20000));
    const Source source{test::below(random, 2), random() % 2 == 0};
    auto& b = reference.try_emplace(source, SlowBucket{full, now}).first->second;
    b.credit = std::min(full, b.credit + (now - b.last).count());
    b.last = now;
    const bool expected = b.credit >= rate.interval.count();
    cr_assert_eq(limiter.has(source, now), expected);
    const bool taken = limiter.take(source, now);
    cr_assert_eq(taken, expected);
    if (taken) b.credit -= rate.interval.count();
    refused += taken ? 0 : 1;
  }
  cr_assert_gt(refused, 1000);
}

Test(rate_limiter, memory_is_bounded_and_a_full_table_refuses_nobody) {
  std::mt19937 random(4);
  RateLimiter limiter({1s, 1}, 100, test::entropy_of(random));
  const TimePoint now = TimePoint{} + 10s;
  for (std::uint64_t i = 0; i < 1000; ++i) cr_assert(limiter.take({i, true}, now));
  cr_assert_eq(limiter.sources(), 100u);
  cr_assert_not(limiter.take({5, true}, now));
  cr_assert(limiter.take({5000, true}, now + 5s));  // those that are full again made room
  cr_assert_eq(limiter.sources(), 1u);
}

Test(rate_limiter, sources_are_addresses_or_v6_networks) {
  const auto of = [](const char* text) { return source_of(*Address::parse(text)); };
  cr_assert(of("10.0.0.1") != of("10.0.0.2"));
  cr_assert(of("2001:db8::1") == of("2001:db8::ffff:1"));
  cr_assert(of("2001:db8::1") != of("2001:db8:0:1::1"));
  cr_assert(of("::ffff:10.0.0.1") == of("10.0.0.1"));
  cr_assert(of("::ffff:10.0.0.1") != of("::ffff:10.0.0.2"));
}

}  // namespace
}  // namespace vpnd::engine
