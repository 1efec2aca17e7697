// SPDX-License-Identifier: ISC
#include <criterion/criterion.h>

#include "tests/support/lowered.h"

using namespace vpnd;
using namespace vpnd::test;

Test(lower_server, blackhole_before_the_device) {
  const auto got = lines(plan::plan_server(server_config()), gate());
  const auto device = place(got, "+ link  vpn0 mtu 1420, up");
  cr_assert(place(got, "+ route blackhole 192.168.192.0/24 table main metric 4000000 (v4)") <
            device);
  cr_assert(place(got, "+ route blackhole fd76:706e::/64 table main metric 4000000 (v6)") < device);
  cr_assert(device < place(got, "+ addr  192.168.192.254/24 dev vpn0"));
  cr_assert(got.front().starts_with("+ nft   table inet vpnd_vpn0"));
}

Test(lower_server, forwarding_where_replies_may_arrive) {
  const auto got = lines(plan::plan_server(server_config()), gate());
  for (const char* yes : {"vpn0", "eth0", "eth1"}) {
    cr_assert(has(got, std::string("~ conf  ") + yes + " forwarding 1 (v4)"), "%s", yes);
  }
  for (const char* no : {"lo", "eth2", "eth3", "all"}) {
    cr_assert(!mentions(got, std::string("~ conf  ") + no + " "), "%s", no);
  }
  cr_assert(!mentions(got, "rp_filter"));
  auto host = gate();
  host.uplinks_v4 = {"eth0", "eth2"};  // by its default route alone
  cr_assert(has(lines(plan::plan_server(server_config()), host), "~ conf  eth2 forwarding 1 (v4)"));
}

Test(lower_server, the_same_objects_when_it_runs_already) {
  auto after = gate();
  HostFacts::Link tun;
  tun.forwarding = tun.force_forwarding = 1;
  tun.index = 9;
  tun.name = "vpn0";
  tun.addresses = {prefix("192.168.192.254/24"), prefix("fd76:706e::1/64")};
  tun.connected = {prefix("192.168.192.0/24"), prefix("fd76:706e::/64")};
  after.links.push_back(tun);
  const auto p = plan::plan_server(server_config());
  cr_assert(lower(p, gate()) == lower(p, after));
}

Test(lower_server, ipv6_by_interface_where_the_kernel_can) {
  const auto got = lines(plan::plan_server(server_config()), gate());
  cr_assert(has(got, "~ conf  vpn0 force_forwarding 1 (v6)"));
  cr_assert(has(got, "~ conf  eth0 force_forwarding 1 (v6)"));
  cr_assert(!has(got, "~ conf  eth3 force_forwarding 1 (v6)"));
  cr_assert(!mentions(got, "accept_ra"));
  cr_assert(!mentions(got, "~ conf  all"));
}

Test(lower_server, else_router_advertisements_are_kept_first) {
  auto host = gate();
  host.has_force_forwarding = false;
  const auto got = lines(plan::plan_server(server_config()), host);
  const auto ra = place(got, "~ conf  eth0 accept_ra 2 (v6)");
  cr_assert(ra < place(got, "~ conf  all forwarding 1 (v6)"));
  cr_assert(has(got, "~ conf  all forwarding 1 (v6)"));
  cr_assert(mentions(warnings(plan::plan_server(server_config()), host), "for all of them"));
}

Test(lower_server, without_ipv6) {
  cr_assert(!mentions(lines(plan::plan_server(server_config(false)), gate()), "(v6)"));
  auto host = gate();
  host.has_v6 = false;
  const auto got = lines(plan::plan_server(server_config()), host);
  cr_assert(!mentions(got, "(v6)") && !mentions(got, "fd76:706e::/64"));
  cr_assert(mentions(warnings(plan::plan_server(server_config()), host), "no IPv6"));
}

Test(lower_server, connections_are_limited_where_the_kernel_can_count_them) {
  auto config = server_config();
  const auto limit = [&](const HostFacts& facts) {
    for (const Object& o : lower(plan::plan_server(config), facts))
      if (const auto* t = std::get_if<FilterTable>(&o)) return t->connections;
    return ~0u;
  };
  auto host = gate();
  cr_assert_eq(limit(host), 4096u);
  cr_assert(!mentions(warnings(plan::plan_server(config), host), "cannot count"));
  host.counts_connections = false;
  cr_assert_eq(limit(host), 0u);
  cr_assert(mentions(warnings(plan::plan_server(config), host), "cannot count"));
  config.max_connections = 0;  // nobody asked for it
  cr_assert(!mentions(warnings(plan::plan_server(config), host), "cannot count"));
}

Test(lower_server, its_private_networks_are_closed_unless_opened) {
  auto config = server_config();
  const auto table = [&](const HostFacts& f) {
    return only<FilterTable>(lower(plan::plan_server(config), f)).at(0);
  };
  cr_assert_eq(table(gate()).server_private, (std::vector{prefix("10.0.0.0/24")}));
  config.server_lan = {prefix("10.0.0.128/25")};
  cr_assert_eq(table(gate()).server_private.size(), 1u, "a part does not open the whole");
  config.server_lan = {prefix("10.0.0.0/24")};
  cr_assert(table(gate()).server_private.empty());
  cr_assert_eq(table(gate()).server_lan, config.server_lan);
  auto host = gate();
  host.links[2].connected = {prefix("192.168.192.0/24")};
  cr_assert(table(host).server_private.empty(), "the pool is not closed to itself");
}

Test(lower_server, the_filter_is_told_everything) {
  auto config = server_config();
  config.external = address("203.0.113.7");
  config.isolate = false;
  config.nat = false;
  const auto t = only<FilterTable>(lower(plan::plan_server(config), gate())).at(0);
  cr_assert_eq(t.interface, "vpn0");
  cr_assert_eq(t.shielded.size(), 2u);
  cr_assert(t.clamp_mss && !t.isolate && !t.masquerade);
  cr_assert_eq(t.external, config.external);
  cr_assert(t.pool_v4 == config.pool_v4 && t.pool_v6 == config.pool_v6);
  const auto c = only<FilterTable>(lower(client_plan(client_config()), laptop())).at(0);
  cr_assert(c.clamp_mss && !c.pool_v4 && c.server_private.empty() && !c.isolate);
}

Test(lower_server, foreign_chains_are_opened_but_not_owned_ones) {
  auto host = gate();
  host.drop_chains = {{Family::v4, false, "filter", "FORWARD", false},
                      {Family::v6, false, "filter", "FORWARD", false},
                      {Family::v4, true, "firewalld", "filter_FORWARD", true}};
  const auto p = plan::plan_server(server_config());
  const auto got = lines(p, host);
  cr_assert(has(got, "+ nft   accept vpn0 in chain FORWARD of table ip filter"));
  cr_assert(has(got, "+ nft   accept vpn0 in chain FORWARD of table ip6 filter"));
  cr_assert(!mentions(got, "firewalld"));
  cr_assert(mentions(warnings(p, host), "filter_FORWARD of table firewalld"));
  cr_assert(!mentions(warnings(p, host), "table filter"));
  cr_assert(!mentions(lines(plan::plan_server(server_config(false)), host), "ip6 filter"));
}

Test(lower_server, what_did_not_forward_stays_apart) {
  using Names = std::vector<std::string>;
  const auto table = [](const HostFacts& f, bool v6 = true) {
    return only<FilterTable>(lower(plan::plan_server(server_config(v6)), f)).at(0);
  };
  const Names all{"eth0", "eth1", "eth2", "eth3"};
  cr_assert_eq(table(gate()).apart_v4, all);
  cr_assert_eq(table(gate()).apart_v6, all);
  cr_assert(table(gate(), false).apart_v6.empty(), "no IPv6, no forwarding of it");
  cr_assert(table(gate()).bridges.empty());

  auto router = gate();
  router.links[1].forwarding = router.links[2].forwarding = 1;
  router.links[3].force_forwarding = 1;
  router.links[4].bridge = router.links[1].bridge = true;
  cr_assert_eq(table(router).apart_v4, (Names{"eth2", "eth3"}));
  cr_assert_eq(table(router).apart_v6, (Names{"eth0", "eth1", "eth3"}));
  cr_assert_eq(table(router).bridges, (Names{"eth0", "eth3"}));
  router.v6_forwarding_all = 1;
  cr_assert(table(router).apart_v6.empty(), "all of them forwarded already");
  cr_assert_eq(table(router).bridges, (Names{"eth3"}));

  const auto client = only<FilterTable>(lower(client_plan(client_config()), laptop())).at(0);
  cr_assert(client.apart_v4.empty() && client.apart_v6.empty() && client.bridges.empty());
}

Test(lower_server, warns) {
  const auto p = plan::plan_server(server_config());
  cr_assert(warnings(p, gate()).empty());
  auto host = gate();
  host.uplinks_v4.clear();
  cr_assert(mentions(warnings(p, host), "no IPv4 default route"));
  host.links[2].connected = {prefix("192.168.0.0/16")};
  cr_assert(mentions(warnings(p, host), "overlaps 192.168.0.0/16"));
}
