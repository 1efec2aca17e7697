// SPDX-License-Identifier: ISC
#include "bsd/filter_lines.h"

#include <criterion/criterion.h>
#include <fmt/format.h>

#include "tests/unit/bsd/plans.h"

using namespace vpnd;
using namespace vpnd::bsd;
using namespace vpnd::test;

namespace {

plan::Forward forward(bool v6 = false) {
  plan::Forward f;
  f.interface = "tun0";
  f.pool_v4 = prefix("192.168.192.0/24");
  if (v6) f.pool_v6 = prefix("fd76:706e::/64");
  return f;
}

std::string text(const Traits& t, const plan::Forward& f, const std::string& uplink = "em0") {
  std::string out;
  for (const FilterLines& one : filter_lines(t, f, 1420, uplink)) {
    out += one.file + "\n";
    for (const std::string& line : one.lines) out += "  " + line + "\n";
  }
  return out;
}

void cr_text(const std::string& got, const std::string& wanted) {
  cr_assert(got == wanted, "%s", got.c_str());
}

constexpr const char* kGuard =
    "  pass in quick on tun0 inet from 192.168.192.0/24 to (tun0)\n"
    "  block in quick on tun0 inet from any to { 10/8, 172.16/12, 192.168/16, 169.254/16, "
    "100.64/10, 127/8 }\n"
    "  block in quick on tun0 inet from ! 192.168.192.0/24 to any\n";

bool mentions(const std::string& all, const char* part) {
  return all.find(part) != all.npos;
}

}  // namespace

Test(filter_lines, of_each_system) {
  const std::string guard = kGuard;
  const std::string classic =
      "/etc/pf.conf\n"
      "  scrub on tun0 all max-mss 1380\n"
      "  nat on em0 inet from 192.168.192.0/24 to any -> (em0)\n" +
      guard;
  cr_text(text(kOpenBsd, forward()),
          "/etc/pf.conf\n  match on tun0 inet scrub (max-mss 1380)\n" + guard +
              "  pass out on egress inet from 192.168.192.0/24 to any nat-to (egress)\n");
  cr_text(text(kFreeBsd, forward()), classic +
                                         "ipfw(8)\n"
                                         "  ipfw nat 42 config if em0\n"
                                         "  ipfw add nat 42 ip4 from any to any via em0\n");
  cr_text(text(kDragonFly, forward()), classic);
  cr_text(text(kMacOs, forward()), classic);
  cr_text(text(kNetBsd, forward()),
          "/etc/npf.conf\n  map em0 dynamic 192.168.192.0/24 -> inet4(em0)\n");
}

Test(filter_lines, ipv6_has_lines_of_its_own) {
  for (const Traits* t : kAllSystems) {
    const std::string all = text(*t, forward(true));
    cr_assert(mentions(all, "fd76:706e::/64"), "%s", all.c_str());
    cr_assert_eq(mentions(all, "inet6(em0)"), t == &kNetBsd);
    cr_assert_eq(mentions(all, "max-mss 1360"), t != &kNetBsd);
  }
}

Test(filter_lines, an_address_to_translate_to) {
  plan::Forward f = forward(true);
  f.external = address("198.51.100.9");
  for (const Traits* t : kAllSystems) {
    const std::string all = text(*t, f);
    cr_assert(mentions(all, "198.51.100.9"), "%s", all.c_str());
    // It is none for IPv6, whose clients then go out under their own.
    cr_assert(!mentions(all, "nat-to (egress)") && !mentions(all, "-> inet6"), "%s", all.c_str());
  }
}

Test(filter_lines, without_translation_only_the_guard) {
  plan::Forward f = forward();
  f.masquerade = false;
  for (const Traits* t : kAllSystems) {
    const std::string all = text(*t, f);
    cr_assert(!mentions(all, "nat") && !mentions(all, "map"), "%s", all.c_str());
    cr_assert_eq(mentions(all, "block in quick"), t != &kNetBsd);
  }
}

Test(filter_lines, networks_of_the_server_that_are_open_pass_before_the_block) {
  plan::Forward f = forward(true);
  f.server_lan = {prefix("10.1.0.0/16"), prefix("fd99::/48")};
  const std::string all = text(kOpenBsd, f);
  const auto open = all.find("pass in quick on tun0 inet from 192.168.192.0/24 to 10.1.0.0/16");
  cr_assert(open != all.npos && open < all.find("block in quick on tun0 inet from any"));
  cr_assert(mentions(all, "pass in quick on tun0 inet6 from fd76:706e::/64 to fd99::/48"));
}

Test(filter_lines, an_uplink_that_is_not_known_has_a_name_to_replace) {
  cr_assert(mentions(text(kFreeBsd, forward(), ""), "nat on UPLINK"));
}
