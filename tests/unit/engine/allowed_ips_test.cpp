// SPDX-License-Identifier: ISC
#include "core/engine/allowed_ips.h"

#include <criterion/criterion.h>

#include <map>

#include "tests/unit/engine/test_random.h"

namespace vpnd::engine {
namespace {

// Few distinct bits, so that prefixes nest and look-ups hit.
Address draw_address(std::mt19937& random) {
  ByteArray<16> b{};
  const bool v4 = random() % 2 == 0;
  for (std::size_t i = 0; i < (v4 ? 4u : 16u); ++i) {
    b[i] = static_cast<std::uint8_t>(i % 3 == 0 ? 10 + random() % 2 : (random() % 2) * 0x81);
  }
  return v4 ? Address::v4(Bytes(b).first(4)) : Address::v6(b);
}

std::optional<AllowedIps::Owner> scan(const std::map<Prefix, AllowedIps::Owner>& all,
                                      const Address& a) {
  std::optional<AllowedIps::Owner> best;
  int longest = -1;
  for (const auto& [prefix, owner] : all) {
    if (prefix.address.family() != a.family() || !prefix.contains(a)) continue;
    if (prefix.length > longest) {
      longest = prefix.length;
      best = owner;
    }
  }
  return best;
}

Test(allowed_ips, agrees_with_a_linear_scan) {
  std::mt19937 random(11);
  AllowedIps table;
  std::map<Prefix, AllowedIps::Owner> reference;
  for (int step = 0; step < 100'000; ++step) {
    const Address a = draw_address(random);
    const auto length = static_cast<std::uint8_t>(random() % (a.bits() + 1u));
    const Prefix prefix{a, random() % 3 == 0 ? a.bits() : length};
    const std::uint32_t owner = test::below(random, 9);
    if (reference.size() < 120 && random() % 8 == 0) {
      table.insert(prefix, owner);
      reference[prefix.masked()] = owner;
    } else if (!reference.empty() && random() % 16 == 0) {
      auto victim = reference.begin();
      std::advance(victim, random() % reference.size());
      const bool ours = victim->second == owner;
      cr_assert_eq(table.erase(victim->first, owner), ours);
      if (ours) reference.erase(victim);
    }
    cr_assert(table.find(a) == scan(reference, a), "%s", a.text().c_str());
    cr_assert_eq(table.size(), reference.size());
  }
}

Test(allowed_ips, a_lease_is_taken_over_and_the_former_owner_cannot_take_it_away) {
  AllowedIps table;
  const Prefix lease = Prefix::host(Address::v4(10, 0, 0, 2));
  table.insert(lease, 1);
  table.insert(lease, 2);
  cr_assert_not(table.erase(lease, 1));
  cr_assert(table.find(lease.address) == 2u);
  cr_assert(table.erase(lease, 2));
  cr_assert_not(table.find(lease.address).has_value());
}

}  // namespace
}  // namespace vpnd::engine
