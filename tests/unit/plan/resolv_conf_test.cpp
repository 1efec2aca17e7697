// SPDX-License-Identifier: ISC
#include "core/plan/resolv_conf.h"

#include <criterion/criterion.h>

#include "tests/support/plans.h"

using namespace vpnd;
using namespace vpnd::plan;
using namespace vpnd::test;

Test(resolv_conf, takes_the_addresses_in_their_order) {
  const auto got = nameservers(
      "# nameserver 1.1.1.1\nsearch example.org\nnameserver 192.0.2.1\n\tnameserver\t2001:db8::1 ; "
      "x\n"
      "nameserver fe80::1%eth0\nnameserver\nnameservers 4.4.4.4\noptions edns0\nnameserver "
      "9.9.9.9");
  cr_assert_eq(got.size(), 3u);
  cr_assert(got[0] == address("192.0.2.1") && got[1] == address("2001:db8::1") &&
            got[2] == address("9.9.9.9"));
}

Test(resolv_conf, what_the_hosts_file_says) {
  const char* text =
      "127.0.0.1 localhost\n192.0.2.1\tvpn.example.org gate # other\n#192.0.2.2 gate\n"
      "2001:db8::1 GATE.\nfe80::1%eth0 gate\nnonsense gate\n\n192.0.2.9";
  const auto got = hosts_addresses(text, "gate");
  cr_assert_eq(got.size(), 2u);
  cr_assert(got[0] == address("192.0.2.1") && got[1] == address("2001:db8::1"));
  cr_assert_eq(hosts_addresses(text, "VPN.example.ORG").size(), 1u);
  for (const char* name : {"other", "example.org", "", "192.0.2.9"}) {
    cr_assert(hosts_addresses(text, name).empty(), "%s", name);
  }
}

Test(resolv_conf, names_of_the_local_network_are_not_looked_up_elsewhere) {
  for (const char* host : {"vpn.example.org", "vpn.example.org.", "a.b"}) {
    cr_assert(looked_up_name(host).has_value(), "%s", host);
  }
  for (const char* host :
       {"192.0.2.1", "2001:db8::1", "gate", "gate.", "gate.local", "gate.local.", "a..b", ""}) {
    cr_assert_not(looked_up_name(host).has_value(), "%s", host);
  }
}

Test(resolv_conf, odd_files_give_nothing) {
  for (const char* text :
       {"", "\n", "nameserver", "nameserver \n", "nameserver 300.1.1.1", " \t"}) {
    cr_assert(nameservers(text).empty(), "%s", text);
  }
}

Test(resolv_conf, others_cannot_ask_what_listens_on_loopback) {
  const auto got = askable({address("127.0.0.53"), address("::1"), address("fe80::1"),
                            address("0.0.0.0"), address("10.0.0.1"), address("2001:db8::1")});
  cr_assert_eq(got.size(), 2u);
  cr_assert(got[0] == address("10.0.0.1") && got[1] == address("2001:db8::1"));
}
