// SPDX-License-Identifier: ISC
#include "core/engine/half_open.h"

#include <criterion/criterion.h>

#include <map>
#include <set>

#include "tests/unit/engine/test_random.h"

namespace vpnd::engine {
namespace {

Test(half_open, a_newcomer_evicts_a_random_one_that_has_not_passed) {
  std::mt19937 random(2);
  const Entropy entropy = test::entropy_of(random);
  HalfOpen table(100, 16, entropy);
  for (std::uint32_t i = 0; i < 100; ++i) {
    cr_assert_not(table.place({i, false}, entropy)->evict.has_value());
    table.add(i, {i, false});
  }
  for (std::uint32_t i = 0; i < 90; ++i) table.pass(i);
  std::set<std::uint32_t> victims;
  for (int i = 0; i < 1000; ++i) {
    const auto place = table.place({1000, false}, entropy);
    cr_assert(place && place->evict);
    cr_assert_geq(*place->evict, 90u, "one that passed the gate was evicted");
    victims.insert(*place->evict);
  }
  cr_assert_eq(victims.size(), 10u);
  for (std::uint32_t i = 90; i < 100; ++i) table.pass(i);
  cr_assert_not(table.place({1000, false}, entropy).has_value());
}

Test(half_open, one_source_competes_with_itself) {
  std::mt19937 random(2);
  const Entropy entropy = test::entropy_of(random);
  HalfOpen table(1000, 16, entropy);
  const Source greedy{77, false};
  for (std::uint32_t i = 0; i < 50; ++i) table.add(i, {i, false});
  for (std::uint32_t i = 100; i < 116; ++i) table.add(i, greedy);
  for (int i = 0; i < 200; ++i) {
    const auto place = table.place(greedy, entropy);
    cr_assert(place && place->evict);
    cr_assert(*place->evict >= 100 && *place->evict < 116);
  }
  cr_assert_not(table.place({5, true}, entropy)->evict.has_value());
  for (std::uint32_t i = 100; i < 116; ++i) table.pass(i);
  cr_assert_not(table.place(greedy, entropy).has_value());
}

Test(half_open, agrees_with_a_reference_over_random_operations) {
  std::mt19937 random(8);
  const Entropy entropy = test::entropy_of(random);
  HalfOpen table(40, 8, entropy);
  struct Seen {
    Source source;
    bool passed;
  };
  std::map<std::uint32_t, Seen> reference;
  for (int step = 0; step < 100'000; ++step) {
    const std::uint32_t conn = test::below(random, 64);
    const Source source{test::below(random, 9), false};
    const auto known = reference.find(conn);
    cr_assert_eq(table.contains(conn), known != reference.end());
    if (known != reference.end()) {
      const std::uint32_t dice = test::below(random, 3);
      if (dice != 0) {
        (dice == 1) ? table.pass(conn) : table.fail(conn);
        known->second.passed = dice == 1;
      } else {
        table.remove(conn);
        reference.erase(known);
      }
    } else if (const auto place = table.place(source, entropy)) {
      if (place->evict) {
        cr_assert_not(reference.at(*place->evict).passed);
        table.remove(*place->evict);
        reference.erase(*place->evict);
      }
      table.add(conn, source);
      reference[conn] = {source, false};
    }
    cr_assert_eq(table.size(), reference.size());
    cr_assert_leq(table.size(), 40u);
    std::size_t of_source = 0;
    for (const auto& [c, s] : reference) of_source += s.source == source ? 1u : 0u;
    cr_assert_leq(of_source, 8u);
  }
}

// What is known to be bad counts like what has said nothing, and is evicted like it.
Test(half_open, one_that_passed_and_failed_is_evicted_like_any_other) {
  std::mt19937 random(3);
  const Entropy entropy = test::entropy_of(random);
  HalfOpen table(4, 16, entropy);
  for (std::uint32_t i = 0; i < 4; ++i) table.add(i, {i, false});
  for (std::uint32_t i = 0; i < 3; ++i) table.pass(i);
  table.fail(1);
  table.fail(1);
  table.fail(3);  // which never passed
  std::set<std::uint32_t> victims;
  for (int i = 0; i < 200; ++i) victims.insert(*table.place({9, false}, entropy)->evict);
  cr_assert(victims == std::set<std::uint32_t>({1, 3}));
  cr_assert_eq(table.size(), 4u);
  table.remove(1);
  cr_assert_not(table.place({9, false}, entropy)->evict.has_value());
  cr_assert_eq(table.size(), 3u);
}

}  // namespace
}  // namespace vpnd::engine
