// SPDX-License-Identifier: ISC
#include "core/plan/state_names.h"

#include <criterion/criterion.h>

#include <algorithm>
#include <string>

using namespace vpnd;
using namespace vpnd::plan;

Test(state_names, a_file_can_have_the_name_whatever_the_host_is_called) {
  for (const std::string host : {"example.com", "../../etc/passwd", "2001:db8::1", "a b\n", ""}) {
    const std::string name = state_file_name("instance-", host, "-vpn0");
    cr_assert(name.starts_with("instance-") && name.ends_with("-vpn0"), "%s", name.c_str());
    cr_assert(std::ranges::none_of(name, [](char c) { return c == '/' || c == '.' || c < '!'; }),
              "%s", name.c_str());
  }
  const std::string long_host(1000, 'x');
  cr_assert_leq(state_file_name("address-", long_host, "").size(), 80u);
}

Test(state_names, names_that_differ_in_what_was_replaced_stay_apart) {
  cr_assert_neq(state_file_name("p-", "a.b", ""), state_file_name("p-", "a-b", ""));
  cr_assert_neq(state_file_name("p-", std::string(100, 'x'), ""),
                state_file_name("p-", std::string(101, 'x'), ""));
  cr_assert_eq(state_file_name("p-", "a.b", ""), state_file_name("p-", "a.b", ""));
}

Test(state_names, a_secret_gives_one_unique_local_prefix) {
  ByteArray<32> secret{}, other{};
  other[31] = 1;
  const Prefix pool = derived_pool_v6(secret);
  cr_assert_eq(pool.length, 64);
  cr_assert_eq(pool.address.bytes()[0], 0xfd);
  cr_assert(pool == pool.masked());
  cr_assert(pool == derived_pool_v6(secret));
  cr_assert(pool != derived_pool_v6(other));
}

Test(state_names, only_a_derived_pool_is_derived) {
  const Prefix pool = Prefix::parse("fd01:2:3:4::/64").value();
  const auto derive = [&pool] { return pool; };
  ServerConfig derived, without, given;
  given.v6 = ServerConfig::V6::given;
  settle_v6(derived, true, derive);
  cr_assert(derived.pool_v6 == pool);
  cr_assert(derived.address_v6 == Address::parse("fd01:2:3:4::1"));
  settle_v6(without, false, derive);
  cr_assert(without.v6 == ServerConfig::V6::off && !without.pool_v6 && !without.address_v6);
  settle_v6(given, true, derive);
  cr_assert(!given.pool_v6, "the file's own stays");
}
