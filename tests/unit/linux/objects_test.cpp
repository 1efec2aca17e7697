// SPDX-License-Identifier: ISC
#include "linux/objects.h"

#include <criterion/criterion.h>

#include "tests/support/plans.h"

using namespace vpnd;
using namespace vpnd::nl;
using namespace vpnd::test;

namespace {

void expect(const Object& object, const char* want) {
  const std::string got = describe(object);
  cr_assert_eq(got, want, "wanted: %s\n   got: %s", want, got.c_str());
}

}  // namespace

Test(objects, links_and_addresses) {
  expect(LinkUp{"vpn0", 1420}, "+ link  vpn0 mtu 1420, up");
  expect(AddressOn{"vpn0", prefix("10.9.0.2/32")}, "+ addr  10.9.0.2/32 dev vpn0");
}

Test(objects, routes) {
  Route r;
  r.to = prefix("0.0.0.0/0");
  r.interface = "vpn0";
  r.table = kDefaultTable;
  expect(r, "+ route default dev vpn0 table 42069 (v4)");
  r.to = prefix("10.0.0.0/8");
  r.gateway = address("10.9.0.1");
  r.table = Table{254};
  expect(r, "+ route 10.0.0.0/8 via 10.9.0.1 dev vpn0 table main (v4)");
  Route lost;
  lost.type = Route::Type::blackhole;
  lost.to = prefix("fd00::/64");
  lost.metric = 4000000;
  expect(lost, "+ route blackhole fd00::/64 table main metric 4000000 (v6)");
  lost.type = Route::Type::unreachable;
  lost.to = prefix("::/0");
  lost.metric = 0;
  expect(lost, "+ route unreachable default table main (v6)");
  lost.type = Route::Type::thrown;
  expect(lost, "+ route throw default table main (v6)");
}

Test(objects, rules) {
  Rule r;
  r.priority = 30001;
  r.table = kDefaultTable;
  r.mark = kDefaultFwmark;
  r.invert = true;
  expect(r, "+ rule  30001 not fwmark 42069 -> table 42069 (v4)");
  r.invert = false;
  r.family = Family::v6;
  expect(r, "+ rule  30001 fwmark 42069 -> table 42069 (v6)");
  Rule to;
  to.priority = 29990;
  to.table = Table{254};
  to.to = Endpoint::parse("203.0.113.7:443");
  to.root_only = true;
  expect(to, "+ rule  29990 to 203.0.113.7 tcp port 443 of uid 0 -> table main (v4)");
  Rule main;
  main.priority = 30000;
  main.table = Table{254};
  main.suppress_default = true;
  expect(main, "+ rule  30000 -> table main but its default (v4)");
}

Test(objects, settings) {
  expect(LinkSetting{"eth0", 1, 1}, "~ conf  eth0 forwarding 1 (v4)");
  expect(LinkSetting{"eth0", 8, 2}, "~ conf  eth0 rp_filter 2 (v4)");
  expect(LinkSetting{"eth0", 19, 1}, "~ conf  eth0 arp_ignore 1 (v4)");
  expect(LinkSetting{"eth0", 24, 1}, "~ conf  eth0 src_valid_mark 1 (v4)");
  expect(LinkSetting{"eth0", 5, 1}, "~ conf  eth0 setting 5 1 (v4)");
  expect(Sysctl6{"all", "forwarding", 1}, "~ conf  all forwarding 1 (v6)");
}

Test(objects, filters) {
  FilterTable t;
  t.interface = "vpn0";
  expect(t, "+ nft   table inet vpnd_vpn0");
  t.shielded = {address("10.9.0.2"), address("fd00::2")};
  t.clamp_mss = true;
  expect(t,
         "+ nft   table inet vpnd_vpn0: nothing from elsewhere to 10.9.0.2 fd00::2; mss clamped");
  FilterTable s;
  s.interface = "vpn0";
  s.pool_v4 = prefix("10.9.0.0/24");
  expect(s, "+ nft   table inet vpnd_vpn0: 10.9.0.0/24 not translated");
  s.masquerade = true;
  s.pool_v6 = prefix("fd00::/64");
  s.isolate = true;
  s.server_private = {prefix("10.0.0.0/24")};
  s.server_lan = {prefix("10.1.0.0/24")};
  expect(s,
         "+ nft   table inet vpnd_vpn0: 10.9.0.0/24 fd00::/64 translated; clients apart; closed to "
         "clients: 10.0.0.0/24; open to clients: 10.1.0.0/24");
  s.external = address("203.0.113.7");
  cr_assert(describe(s).find("translated to 203.0.113.7") != std::string::npos);
  expect(ForeignAccept{Family::v4, false, "filter", "FORWARD", "vpn0"},
         "+ nft   accept vpn0 in chain FORWARD of table ip filter");
  expect(ForeignAccept{Family::v6, false, "filter", "FORWARD", "vpn0"},
         "+ nft   accept vpn0 in chain FORWARD of table ip6 filter");
  expect(ForeignAccept{Family::v4, true, "x", "y", "vpn0"},
         "+ nft   accept vpn0 in chain y of table inet x");
}

Test(objects, resolvers) {
  DnsServers d;
  d.interface = "vpn0";
  d.servers = {address("10.0.0.53"), address("fd00::53")};
  expect(d, "~ dns   10.0.0.53 fd00::53 by systemd-resolved, or else /etc/resolv.conf");
  d.domains = {"corp.example", "lab"};
  d.mode = plan::DnsMode::file;
  expect(d, "~ dns   10.0.0.53 fd00::53 by /etc/resolv.conf; search corp.example lab");
  d.mode = plan::DnsMode::resolved;
  expect(d, "~ dns   10.0.0.53 fd00::53 by systemd-resolved; search corp.example lab");
}
