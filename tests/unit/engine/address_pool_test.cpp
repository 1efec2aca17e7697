// SPDX-License-Identifier: ISC
#include "core/engine/address_pool.h"

#include <criterion/criterion.h>

#include "tests/unit/engine/test_random.h"

namespace vpnd::engine {
namespace {

using namespace std::chrono_literals;

wire::Identity who(std::uint32_t n) {
  wire::Identity id;
  store_le32(id.bytes.data(), n);
  id.size = 16;
  return id;
}

Address ip(std::uint8_t last) {
  return Address::v4(10, 9, 0, last);
}

AddressPool make_pool(std::uint8_t length = 24, std::optional<Address> first = {}) {
  return AddressPool({{ip(0), length}, ip(1), first, 24h});
}

constexpr TimePoint kT{1000s};

Address lease(AddressPool& pool, std::uint32_t n, TimePoint t, AddressPool::Wish wish = {}) {
  const auto a = pool.reserve(who(n), wish, t);
  cr_assert(a.has_value());
  pool.commit(who(n));
  return *a;
}

Test(address_pool, gives_the_first_lease_first_and_never_the_servers_own) {
  AddressPool pool = make_pool(29, ip(5));
  cr_assert(lease(pool, 1, kT) == ip(5));
  cr_assert(lease(pool, 2, kT) == ip(2));
  for (std::uint32_t n = 3; n <= 5; ++n) {
    const Address a = lease(pool, n, kT);
    cr_assert(a != ip(0) && a != ip(1) && a != ip(7));
  }
  cr_assert_eq(pool.owned(), pool.usable());
  cr_assert_not(pool.reserve(who(6), {}, kT).has_value());
}

Test(address_pool, keeps_an_address_for_a_day_then_the_longest_gone_loses_it) {
  AddressPool pool = make_pool(29);
  for (std::uint32_t n = 1; n <= 5; ++n) lease(pool, n, kT);
  const Address third = *pool.address_of(who(3));
  pool.disconnect(who(3), kT + 1s);
  pool.disconnect(who(2), kT + 2s);
  cr_assert_not(pool.reserve(who(9), {}, kT + 24h).has_value());
  cr_assert(lease(pool, 9, kT + 24h + 1s) == third);
  cr_assert_not(pool.address_of(who(3)).has_value());
  cr_assert_not(pool.reserve(who(3), {}, kT + 24h + 1s).has_value());
}

Test(address_pool, an_identity_gets_its_own_again) {
  AddressPool pool = make_pool();
  const Address a = lease(pool, 1, kT);
  cr_assert(pool.reserve(who(1), {}, kT) == a);  // while it is live
  pool.release(who(1), kT);
  pool.disconnect(who(1), kT);
  lease(pool, 2, kT);
  cr_assert(lease(pool, 1, kT + 1h) == a);
}

Test(address_pool, a_held_address_that_is_being_taken_up_again_is_not_given_away) {
  AddressPool pool = make_pool(30);
  const Address a = lease(pool, 1, kT);
  pool.disconnect(who(1), kT);
  cr_assert(pool.reserve(who(1), {}, kT + 48h) == a);
  cr_assert_not(pool.reserve(who(2), {a, a}, kT + 48h).has_value());
  pool.release(who(1), kT + 48h);
  cr_assert(pool.reserve(who(2), {}, kT + 48h) == a);
}

Test(address_pool, a_reservation_that_is_never_confirmed_leaves_nothing) {
  AddressPool pool = make_pool(30);
  cr_assert(pool.reserve(who(1), {}, kT).has_value());
  cr_assert_not(pool.reserve(who(2), {}, kT).has_value());
  pool.release(who(1), kT);
  cr_assert_eq(pool.owned(), 0u);
  cr_assert(pool.reserve(who(2), {}, kT).has_value());
}

Test(address_pool, a_wish_counts_when_it_is_free) {
  AddressPool pool = make_pool();
  cr_assert(lease(pool, 1, kT, {ip(77), {}}) == ip(77));
  cr_assert(lease(pool, 2, kT, {ip(77), ip(88)}) == ip(88));
  cr_assert(lease(pool, 3, kT, {ip(1), {}}) == ip(2));                     // the server's own
  cr_assert(lease(pool, 4, kT, {Address::v4(10, 8, 0, 9), {}}) == ip(3));  // not in the pool
  pool.disconnect(who(1), kT);
  cr_assert(lease(pool, 1, kT, {ip(78), {}}) == ip(78));  // asked for by the user
}

Test(address_pool, a_pinned_address_is_for_its_owner_alone) {
  AddressPool pool = make_pool(29);
  pool.pin({{who(1), ip(3)}, {who(2), ip(3)}, {who(4), ip(1)}});
  for (std::uint32_t n = 10; n < 14; ++n) cr_assert(lease(pool, n, kT, {ip(3), ip(3)}) != ip(3));
  cr_assert_not(pool.reserve(who(14), {ip(3), ip(3)}, kT).has_value());
  cr_assert(lease(pool, 1, kT) == ip(3));
  cr_assert(pool.pinned(who(1)) == ip(3));
  cr_assert_not(pool.pinned(who(2)).has_value());
  pool.disconnect(who(1), kT);
  pool.pin({});
  cr_assert(lease(pool, 15, kT + 25h) == ip(3));
}

// Every operation in any order: no address has two owners, nobody has two addresses, and what was
// given back can be had again.
Test(address_pool, never_leases_twice_and_loses_none) {
  std::mt19937 random(6);
  AddressPool pool = make_pool(27);
  struct Client {
    int reserved = 0;
    bool live = false;
    std::optional<Address> address;
  };
  std::map<std::uint32_t, Client> clients;
  TimePoint now = kT;
  for (int step = 0; step < 60'000; ++step) {
    now += std::chrono::minutes(test::below(random, 30));
    const std::uint32_t n = test::below(random, 60);
    Client& c = clients[n];
    switch (test::below(random, 4)) {
      case 0: {
        AddressPool::Wish wish;
        if (random() % 3 == 0) wish.requested = ip(static_cast<std::uint8_t>(random() % 40));
        if (random() % 3 == 0) wish.cookie = ip(static_cast<std::uint8_t>(random() % 40));
        const auto a = pool.reserve(who(n), wish, now);
        if (!a) break;
        cr_assert(*a != ip(1) && Prefix({ip(0), 27}).contains(*a));
        for (const auto& [m, other] : clients) {
          if (m != n && (other.live || other.reserved > 0)) cr_assert(other.address != a);
        }
        if (c.live || c.reserved > 0) cr_assert(c.address == a);
        c.address = a;
        ++c.reserved;
        break;
      }
      case 1:
        pool.release(who(n), now);
        if (c.reserved > 0) --c.reserved;
        break;
      case 2:
        pool.commit(who(n));
        if (c.reserved > 0) {
          --c.reserved;
          c.live = true;
        }
        break;
      default:
        pool.disconnect(who(n), now);
        c.live = false;
    }
    cr_assert_leq(pool.owned(), pool.usable());
    if (c.live || c.reserved > 0) cr_assert(pool.address_of(who(n)) == c.address);
  }
  for (auto& [n, c] : clients) {
    for (; c.reserved > 0; --c.reserved) pool.release(who(n), now);
    pool.disconnect(who(n), now);
  }
  for (std::uint32_t n = 1000; n < 1000 + pool.usable(); ++n) lease(pool, n, now + 25h);
  cr_assert_eq(pool.owned(), pool.usable());
}

}  // namespace
}  // namespace vpnd::engine
