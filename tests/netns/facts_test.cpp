// SPDX-License-Identifier: ISC
#include "linux/facts.h"

#include <criterion/criterion.h>

#include <algorithm>

#include "linux/apply.h"
#include "linux/sysctl.h"
#include "tests/support/netns.h"

using namespace vpnd;
using namespace vpnd::nl;

namespace {

const plan::Plan kForwarding{"server", {plan::Forward{}}};

const HostFacts::Link* link_named(const HostFacts& facts, const char* name) {
  for (const auto& link : facts.links) {
    if (link.name == name) return &link;
  }
  return nullptr;
}

bool among(const std::vector<Prefix>& all, const char* text) {
  return std::find(all.begin(), all.end(), *Prefix::parse(text)) != all.end();
}

void make_bed() {
  test::fresh_netns();
  const test::Namespace far;
  Netlink rt;
  for (const auto& command : std::vector<std::vector<std::string>>{
           {"ip", "link", "add", "wan0", "type", "veth", "peer", "name", "far0"},
           {"ip", "link", "add", "lan0", "type", "veth", "peer", "name", "far1"},
           {"ip", "addr", "add", "198.51.100.2/24", "dev", "wan0"},
           {"ip", "addr", "add", "2001:db8::2/64", "dev", "wan0", "nodad"},
           {"ip", "addr", "add", "192.168.7.5/16", "dev", "lan0"},
           {"ip", "link", "set", "far0", "up"},
           {"ip", "link", "set", "far1", "up"},
           {"ip", "link", "set", "wan0", "up"},
           {"ip", "link", "set", "lan0", "up"},
           {"ip", "route", "add", "default", "via", "198.51.100.1", "metric", "50"},
           {"ip", "route", "add", "default", "via", "192.168.0.1", "metric", "900"},
           {"ip", "-6", "route", "add", "default", "via", "2001:db8::1"},
           {"ip", "route", "add", "10.0.0.0/8", "dev", "lan0", "proto", "static", "scope", "link"},
           {"ip", "route", "add", "default", "dev", "lan0", "table", "77"}}) {
    cr_assert_eq(test::run_program(command).status, 0, "%s", command.back().c_str());
  }
}

}  // namespace

TestSuite(facts, .init = make_bed);

Test(facts, links_addresses_and_what_the_kernel_connected) {
  Netlink rt;
  const HostFacts facts = gather(rt);
  const auto *wan = link_named(facts, "wan0"), *lan = link_named(facts, "lan0");
  cr_assert(wan != nullptr && lan != nullptr);
  cr_assert(among(wan->addresses, "198.51.100.2/24") && among(wan->addresses, "2001:db8::2/64"));
  cr_assert(among(wan->connected, "198.51.100.0/24") && among(wan->connected, "2001:db8::/64"));
  cr_assert(among(lan->connected, "192.168.0.0/16"));
  cr_assert(!among(lan->connected, "10.0.0.0/8"), "a route that an admin made is not connected");
}

Test(facts, uplinks_come_by_metric_and_only_from_main) {
  Netlink rt;
  const HostFacts facts = gather(rt);
  cr_assert((facts.uplinks_v4 == std::vector<std::string>{"wan0", "lan0"}));
  cr_assert((facts.uplinks_v6 == std::vector<std::string>{"wan0"}));
  cr_assert_eq(facts.gateway_v4->text(), "198.51.100.1");
  cr_assert_eq(facts.gateway_v6->text(), "2001:db8::1");
}

Test(facts, settings_of_one_and_of_all) {
  Netlink rt;
  HostFacts facts = gather(rt);
  cr_assert_eq(facts.rp_filter_all, 0);
  cr_assert_eq(facts.v6_forwarding_all, 0);
  cr_assert(facts.has_v6);
  test::run_program({"sh", "-c",
                     "echo 2 > /proc/sys/net/ipv4/conf/all/rp_filter; "
                     "echo 1 > /proc/sys/net/ipv4/conf/wan0/rp_filter; "
                     "echo 1 > /proc/sys/net/ipv4/conf/lan0/forwarding; "
                     "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding"});
  facts = gather(rt);
  cr_assert_eq(facts.rp_filter_all, 2);
  cr_assert_eq(facts.v6_forwarding_all, 1);
  cr_assert_eq(link_named(facts, "wan0")->rp_filter, 1);
  cr_assert_eq(link_named(facts, "lan0")->rp_filter, 0);
  cr_assert_eq(link_named(facts, "lan0")->forwarding, 1);
}

Test(facts, tell_a_bridge) {
  cr_assert_eq(test::run_program({"ip", "link", "add", "br0", "type", "bridge"}).status, 0);
  Netlink rt;
  const HostFacts facts = gather(rt);
  cr_assert(link_named(facts, "br0")->bridge);
  cr_assert_not(link_named(facts, "wan0")->bridge);
}

Test(facts, settings_of_tunnels_do_not_count) {
  const std::string state = test::temporary_directory();
  Host first;
  first.note_in(state, "lan0");
  std::vector<Object> made = {LinkSetting{"wan0", 1, 1}, Sysctl6{"all", "forwarding", 1}};
  const bool by_interface = first.facts().has_force_forwarding;
  if (by_interface) made.push_back(Sysctl6{"wan0", "force_forwarding", 1});
  const plan::Applied applied = first.apply(made);
  Netlink rt;
  const HostFacts now = gather(rt);
  cr_assert_eq(link_named(now, "wan0")->forwarding, 1);
  cr_assert_eq(link_named(now, "wan0")->force_forwarding, by_interface ? 1 : 0);
  cr_assert_eq(now.v6_forwarding_all, 1);

  Host second;
  second.note_in(state, "t1");
  for (Host* host : {&first, &second}) {
    const HostFacts before = host->facts();
    cr_assert_eq(link_named(before, "wan0")->forwarding, 0);
    cr_assert_eq(link_named(before, "wan0")->force_forwarding, 0);
    cr_assert_eq(before.v6_forwarding_all, 0);
    cr_assert_eq(link_named(before, "lan0")->forwarding, 1, "the device of a tunnel of ours");
  }
  Host stranger;
  stranger.note_in(test::temporary_directory(), "t2");
  cr_assert_eq(link_named(stranger.facts(), "wan0")->forwarding, 1);
}

Test(facts, v6_switched_off_for_new_devices_is_no_v6) {
  cr_assert_eq(set_sysctl6("default", "disable_ipv6", 1), 0);
  Netlink rt;
  cr_assert(!gather(rt).has_v6);
}

Test(facts, foreign_chains_that_drop_forwarding_are_found) {
  test::run_program({"nft",
                     "add table ip filter; add chain ip filter FORWARD { type filter hook "
                     "forward priority 0; policy drop; }"});
  Host host;
  const HostFacts facts = host.facts_for(kForwarding);
  cr_assert_eq(facts.drop_chains.size(), 1u);
  cr_assert_eq(facts.drop_chains[0].chain, "FORWARD");
  // Who does not forward does not wait for what the kernel says to that.
  cr_assert(host.facts_for({"client", {plan::ClampMss{"vpn0"}}}).drop_chains.empty());
}

Test(facts, an_ordinary_user_gets_all_but_the_firewall) {
  const int code = test::in_child([] {
    test::become_nobody();
    Host host;
    const HostFacts facts = host.facts_for(kForwarding);
    return facts.links.size() >= 3 && facts.drop_chains.empty() ? 0 : 1;
  });
  if (code == 125) cr_skip_test("only one user is mapped here");
  cr_assert_eq(code, 0);
}

Test(facts, names_that_are_no_plain_names_read_nothing) {
  cr_assert(!sysctl6("..", "forwarding"));
  cr_assert(!sysctl6("all/../lo", "forwarding"));
  cr_assert(!sysctl6("all", "../all/forwarding"));
  cr_assert(!sysctl6("", "forwarding"));
  cr_assert_neq(set_sysctl6("../conf/all", "forwarding", 1), 0);
  cr_assert(sysctl6("all", "forwarding").has_value());
}
