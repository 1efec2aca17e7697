// SPDX-License-Identifier: ISC
#include "bsd/alias.h"

#include <criterion/criterion.h>

#include <algorithm>
#include <cstring>

#include "bsd/sockaddr.h"
#include "tests/unit/bsd/plans.h"

using namespace vpnd;
using namespace vpnd::bsd;
using namespace vpnd::test;

namespace {

bool holds(const Ioctl& r, std::size_t at, std::initializer_list<std::uint8_t> bytes) {
  return std::ranges::equal(Bytes(r.argument).subspan(at, bytes.size()), bytes);
}

bool named(const Ioctl& r, const char* name) {
  return std::strcmp(reinterpret_cast<const char*>(r.argument.data()), name) == 0;
}

// What the number itself says of the size of its argument.
std::size_t told_size(std::uint32_t request) {
  return request >> 16 & 0x1fff;
}

}  // namespace

Test(alias, arguments_have_the_size_that_the_request_tells) {
  for (const Traits* t : kAllSystems) {
    const Address four = address("10.0.0.2"), six = address("fd00::2");
    for (const Ioctl& r :
         {ask_flags(*t, "tun0"), set_flags(*t, "tun0", 1), set_mtu(*t, "tun0", 1400),
          destroy(*t, "tun0"), add_address(*t, "tun0", four, address("10.0.0.1")),
          add_address(*t, "tun0", six, address("fd00::1")), delete_address(*t, "tun0", four),
          delete_address(*t, "tun0", six)}) {
      cr_assert_eq(r.argument.size(), told_size(r.number), "%s %x", t->name.data(), r.number);
      cr_assert(named(r, "tun0"));
    }
    cr_assert_eq(told_size(t->tun_header), t->tun_header != 0 ? 4u : 0u);
  }
}

Test(alias, an_address_of_ipv4) {
  for (const Traits* t : kAllSystems) {
    const Ioctl r = add_address(*t, "tun7", address("192.168.192.1"), address("192.168.192.254"));
    cr_assert(r.family == Family::v4 && r.number == t->add_v4);
    cr_assert(holds(r, 16, {16, 2, 0, 0, 192, 168, 192, 1}));
    cr_assert(holds(r, 32, {16, 2, 0, 0, 192, 168, 192, 254}));
    cr_assert(holds(r, 48, {16, 2, 0, 0, 255, 255, 255, 255}));
  }
}

Test(alias, an_address_of_ipv6_is_ready_at_once_and_for_ever) {
  for (const Traits* t : kAllSystems) {
    const Ioctl r = add_address(*t, "tun7", address("fd00::2"), address("fd00::1"));
    cr_assert(r.family == Family::v6 && r.number == t->add_v6);
    cr_assert(holds(r, 16, {28, t->inet6, 0, 0, 0, 0, 0, 0, 0xfd}));
    cr_assert(holds(r, 39, {2, 0, 0, 0, 0, 28, t->inet6}));
    cr_assert(holds(r, 67, {1, 0, 0, 0, 0, 28, t->inet6}));
    for (std::size_t i = 80; i < 96; ++i) cr_assert_eq(r.argument[i], 0xff);
    cr_assert_eq(load<std::uint32_t>(&r.argument[100]), t->name == "OpenBSD" ? 0u : 0x20u);
    cr_assert_eq(load<std::uint32_t>(&r.argument[120]), 0xffffffffu);
    cr_assert_eq(load<std::uint32_t>(&r.argument[124]), 0xffffffffu);
  }
}

Test(alias, mtu_and_flags_follow_the_name) {
  for (const Traits* t : kAllSystems) {
    cr_assert_eq(load<std::uint32_t>(&set_mtu(*t, "tun0", 1420).argument[16]), 1420u);
    cr_assert_eq(flags_in(set_flags(*t, "tun0", 0x8051).argument), 0x8051);
  }
}

Test(alias, a_name_never_runs_into_what_follows) {
  for (const Traits* t : kAllSystems) {
    const Ioctl r = set_mtu(*t, "a-name-of-more-than-fifteen", 1280);
    cr_assert(named(r, "a-name-of-more-"));
    cr_assert_eq(load<std::uint32_t>(&r.argument[16]), 1280u);
  }
}
