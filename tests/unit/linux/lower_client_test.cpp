// SPDX-License-Identifier: ISC
#include <criterion/criterion.h>

#include <algorithm>

#include "core/base/error.h"
#include "linux/filter.h"
#include "tests/support/lowered.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

bool throws_away(const plan::ClientConfig& config, const HostFacts& f, const std::string& to) {
  return mentions(lines(client_plan(config), f), "throw " + to + " ");
}

HostFacts strict(HostFacts f, int of_all, int of_link) {
  f.rp_filter_all = of_all;
  f.links[1].rp_filter = of_link;
  return f;
}

}  // namespace

Test(lower_client, throws_before_default_before_rules) {
  auto config = client_config();
  config.exclude = {prefix("198.51.100.0/24")};
  const auto objects = lower(client_plan(config), laptop());
  std::size_t last_throw = 0, first_default = objects.size(), last_route = 0,
              first_rule = objects.size();
  for (std::size_t i = 0; i < objects.size(); ++i) {
    if (const auto* r = std::get_if<Route>(&objects[i])) {
      last_route = i;
      if (r->type == Route::Type::thrown) last_throw = i;
      if (r->to.length == 0) first_default = std::min(first_default, i);
    }
    if (std::holds_alternative<Rule>(objects[i])) first_rule = std::min(first_rule, i);
  }
  cr_assert(last_throw > 0 && last_throw < first_default);
  cr_assert(last_route < first_rule);
  cr_assert(std::holds_alternative<Wall>(objects[0]));
  cr_assert(std::holds_alternative<FilterTable>(objects[1]));
  const auto* last = std::get_if<Rule>(&objects.back());
  cr_assert(last != nullptr && last->priority == 30001 && last->invert);
}

Test(lower_client, default_is_explicit_and_without_gateway) {
  for (const Route& r : only<Route>(lower(client_plan(client_config()), laptop()))) {
    cr_assert(r.table == kDefaultTable);
    cr_assert(!r.gateway);
    if (r.type == Route::Type::unicast) cr_assert_eq(r.interface, "vpn0");
  }
}

Test(lower_client, private_networks_stay_and_public_ones_do_not) {
  const auto f = laptop();
  cr_assert(throws_away(client_config(), f, "192.168.1.0/24"));
  cr_assert(throws_away(client_config(), f, "172.17.0.0/16"));
  cr_assert(throws_away(client_config(), f, "fe80::/64"));
  cr_assert(throws_away(client_config(), f, "224.0.0.0/4"));
  cr_assert(throws_away(client_config(), f, "255.255.255.255/32"));
  cr_assert(throws_away(client_config(), f, "ff00::/8"));
  cr_assert(!throws_away(client_config(), f, "2001:db8:1::/64"));
  cr_assert(!throws_away(client_config(), f, "10.99.0.0/24"), "the tunnel's own is not local");
  for (const char* lied : {"8.8.8.0/24", "1.0.0.0/8", "100.64.0.0/10", "192.0.0.0/8", "10.0.0.0/7",
                           "172.0.0.0/8", "0.0.0.0/1", "172.32.0.0/16", "11.0.0.0/8"}) {
    auto attacked = laptop();
    attacked.links[1].connected.push_back(prefix(lied));
    cr_assert(!throws_away(client_config(), attacked, lied), "%s", lied);
  }
  for (const char* fine : {"10.0.0.0/8", "172.31.0.0/16", "192.168.0.0/16", "169.254.0.0/16",
                           "fd12::/16", "fc00::/7", "192.168.1.4/32"}) {
    auto host = laptop();
    host.links[1].connected.push_back(prefix(fine));
    // Where it holds the tunnel's own network, it may not stay local.
    const bool ours = prefix(fine).contains(prefix("192.168.192.0/24")) ||
                      prefix(fine).contains(prefix("fd76:706e::/64"));
    cr_assert_eq(throws_away(client_config(), host, fine), !ours, "%s", fine);
  }
}

Test(lower_client, a_network_that_overlaps_the_tunnels_own_is_not_local) {
  for (const char* lan : {"192.168.192.0/24", "192.168.0.0/16", "192.168.192.128/25",
                          "192.168.192.1/32", "fd76:706e::/64", "fd76:706e::/48"}) {
    auto host = laptop();
    host.links[1].connected = {prefix(lan)};
    cr_assert(!throws_away(client_config(), host, lan), "%s", lan);
    cr_assert(mentions(warnings(client_plan(client_config()), host), prefix(lan).text()), "%s",
              lan);
  }
}

Test(lower_client, lan_none_throws_nothing) {
  auto config = client_config();
  config.lan = plan::Lan::none;
  cr_assert(!mentions(lines(client_plan(config), laptop()), "throw"));
}

Test(lower_client, lan_list_throws_the_list) {
  auto config = client_config();
  config.lan = plan::Lan::list;
  config.lan_prefixes = {prefix("10.7.0.0/16")};
  cr_assert(throws_away(config, laptop(), "10.7.0.0/16"));
  cr_assert(!throws_away(config, laptop(), "192.168.1.0/24"));
  cr_assert(!throws_away(config, laptop(), "224.0.0.0/4"));
}

Test(lower_client, lan_routes_is_a_rule_with_a_warning) {
  auto config = client_config();
  config.lan = plan::Lan::routes;
  const auto got = lines(client_plan(config), laptop());
  const auto main = place(got, "+ rule  30000 -> table main but its default (v4)");
  cr_assert(main < place(got, "+ rule  30001 not fwmark 42069 -> table 42069 (v4)"));
  cr_assert(has(got, "+ rule  30000 -> table main but its default (v6)"));
  cr_assert(!mentions(got, "throw"));
  cr_assert(mentions(warnings(client_plan(config), laptop()), "DHCP"));
  cr_assert(!mentions(lines(client_plan(client_config()), laptop()), "but its default"));
  cr_assert(!mentions(warnings(client_plan(client_config()), laptop()), "DHCP"));
  cr_assert(!mentions(warnings(client_plan(client_config()), laptop()), "look-ups"));
  config = client_config();
  config.dns.mode = plan::DnsMode::off;
  cr_assert(mentions(warnings(client_plan(config), laptop()), "look-ups"));
  config.full = false;
  config.include = {prefix("10.0.0.0/8")};
  cr_assert(!mentions(warnings(client_plan(config), laptop()), "look-ups"), "as without us");
}

Test(lower_client, excluded_prefixes_are_thrown_once) {
  auto config = client_config();
  config.exclude = {prefix("192.168.1.0/24"), prefix("198.51.100.0/24"), prefix("198.51.100.0/24")};
  const auto got = lines(client_plan(config), laptop());
  cr_assert_eq(std::count(got.begin(), got.end(), "+ route throw 192.168.1.0/24 table 42069 (v4)"),
               1);
  cr_assert_eq(std::count(got.begin(), got.end(), "+ route throw 198.51.100.0/24 table 42069 (v4)"),
               1);
}

Test(lower_client, no_route_stands_twice) {
  auto config = client_config();
  config.full = false;
  config.include = {prefix("192.168.1.0/24"), prefix("10.0.0.0/8")};
  config.exclude = {prefix("10.0.0.0/8"), prefix("10.1.0.0/16")};
  auto routes = only<Route>(lower(client_plan(config), laptop()));
  for (std::size_t i = 0; i < routes.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      cr_assert(routes[i].to != routes[j].to || routes[i].metric != routes[j].metric);
    }
  }
}

Test(lower_client, a_list_has_no_default) {
  auto config = client_config();
  config.full = false;
  config.include = {prefix("10.0.0.0/8")};
  const auto got = lines(client_plan(config), laptop());
  cr_assert(!mentions(got, "default"));
  cr_assert(has(got, "+ route 10.0.0.0/8 dev vpn0 table 42069 (v4)"));
  cr_assert(has(got, "+ route 192.168.192.254/32 dev vpn0 table 42069 (v4)"));
  cr_assert(!mentions(got, "throw"), "nothing local lies in it");
  auto host = laptop();
  host.links[1].connected.push_back(prefix("10.1.0.0/16"));
  cr_assert(throws_away(config, host, "10.1.0.0/16"));
}

Test(lower_client, ipv6_is_refused_where_the_server_has_none) {
  const auto got = lines(client_plan(client_config(), false), laptop());
  cr_assert(has(got, "+ route unreachable default table 42069 (v6)"));
  cr_assert(has(got, "+ rule  30001 not fwmark 42069 -> table 42069 (v6)"));
  cr_assert(!has(got, "+ route default dev vpn0 table 42069 (v6)"));
  cr_assert(has(got, "+ route throw fe80::/64 table 42069 (v6)"));
  const auto with = lines(client_plan(client_config(), true), laptop());
  cr_assert(!has(with, "+ route unreachable default table 42069 (v6)"));
  cr_assert(has(with, "+ route default dev vpn0 table 42069 (v6)"));
}

Test(lower_client, what_the_tunnel_leaves_when_it_vanishes_is_refused) {
  auto config = client_config();
  const auto guard = [&](plan::KillSwitch mode) {
    config.kill_switch = mode;
    const auto got = lines(client_plan(config), laptop());
    return has(got, "+ route unreachable default table 42069 metric 4294967294 (v4)") &&
           has(got, "+ route unreachable default table 42069 metric 4294967294 (v6)");
  };
  cr_assert(guard(plan::KillSwitch::on) && guard(plan::KillSwitch::always));
  cr_assert(!guard(plan::KillSwitch::session), "it would outlive a killed process");
  cr_assert(!guard(plan::KillSwitch::off));
}

Test(lower_client, the_wall_lets_out_local_networks_by_their_device_alone) {
  auto config = client_config();
  const auto wall = [&](const HostFacts& host) {
    return only<Wall>(lower(client_plan(config), host)).at(0);
  };
  const auto lets = [&](const HostFacts& host, const char* device, const char* to) {
    const Wall w = wall(host);
    const Wall::Local wanted{device, prefix(to)};
    return std::find(w.local.begin(), w.local.end(), wanted) != w.local.end();
  };
  auto host = laptop();
  host.links[1].connected.push_back(prefix("8.8.8.0/24"));
  host.links[1].routed = {prefix("1.2.3.0/24"), prefix("10.9.0.0/16")};
  const std::string& device = host.links[1].name;
  cr_assert(lets(host, device.c_str(), "192.168.1.0/24"));
  for (const NftChain& chain : render(wall(host)).chains) {
    for (const NftRule& rule : chain.rules) {
      const std::string line = text(rule);
      if (line.find("192.168.1.0/24") == std::string::npos) continue;
      cr_assert(line.find("oifname \"" + device + "\"") != std::string::npos, "%s", line.c_str());
    }
  }
  cr_assert(!lets(host, device.c_str(), "8.8.8.0/24"), "a public lease");
  cr_assert(!lets(host, device.c_str(), "1.2.3.0/24"), "a route that somebody pushed");
  cr_assert(!lets(host, device.c_str(), "10.9.0.0/16"));
  cr_assert(lets(host, "", "224.0.0.0/4"));
  config.lan = plan::Lan::routes;
  cr_assert(lets(host, device.c_str(), "8.8.8.0/24") && lets(host, device.c_str(), "10.9.0.0/16"));
  config.lan = plan::Lan::none;
  cr_assert(wall(host).local.empty());
  config.lan = plan::Lan::list;
  config.lan_prefixes = {prefix("192.168.7.0/24")};
  config.exclude = {prefix("198.51.100.0/24")};
  cr_assert_eq(wall(host).local.size(), 2u);
  cr_assert(lets(host, "", "192.168.7.0/24") && lets(host, "", "198.51.100.0/24"));
}

Test(lower_client, a_network_that_is_the_tunnels_own_is_not_local) {
  auto host = laptop();
  host.links[1].connected = {prefix("192.168.192.0/24")};
  const Wall w = only<Wall>(lower(client_plan(client_config()), host)).at(0);
  for (const Wall::Local& l : w.local) cr_assert(l.prefix != prefix("192.168.192.0/24"));
}

Test(lower_client, a_host_without_ipv6_gets_none) {
  auto host = laptop();
  host.has_v6 = false;
  for (const bool v6 : {false, true}) {
    const auto got = lines(client_plan(client_config(), v6), host);
    cr_assert(!mentions(got, "(v6)"));
    cr_assert(!mentions(got, "+ addr  fd76"));
  }
}

Test(lower_client, the_servers_rule_only_under_a_strict_filter) {
  const std::string rule = "+ rule  29990 to 203.0.113.7 tcp port 443 of uid 0 -> table main (v4)";
  const struct {
    int of_all, of_link;
    bool wanted;
  } kTable[] = {{0, 0, false}, {1, 0, true},  {0, 1, true},  {1, 1, true},
                {2, 0, false}, {0, 2, false}, {1, 2, false}, {2, 1, false}};
  for (const auto& row : kTable) {
    const auto host = strict(laptop(), row.of_all, row.of_link);
    const auto got = lines(client_plan(client_config()), host);
    cr_assert_eq(has(got, rule), row.wanted, "%d %d", row.of_all, row.of_link);
    cr_assert_eq(mentions(warnings(client_plan(client_config()), host), "strict"), row.wanted);
    cr_assert(!mentions(got, "29990 to 2001"), "IPv6 has no such filter");
  }
  auto elsewhere = laptop();
  elsewhere.links[2].rp_filter = 1;  // not an uplink
  cr_assert(!has(lines(client_plan(client_config()), elsewhere), rule));
}

Test(lower_client, the_servers_rule_is_narrow) {
  for (const Rule& r : only<Rule>(lower(client_plan(client_config()), strict(laptop(), 1, 0)))) {
    if (r.priority != 29990) continue;
    cr_assert(r.root_only && r.to.has_value() && !r.mark && !r.invert);
  }
}

Test(lower_client, a_gateway_for_marked_traffic) {
  auto config = client_config();
  config.gateway = address("172.17.0.9");
  auto host = laptop();
  const auto got = lines(client_plan(config), host);
  const auto route = place(got, "+ route default via 172.17.0.9 dev br0 table 42070 (v4)");
  const auto rule = place(got, "+ rule  29980 fwmark 42069 -> table 42070 (v4)");
  cr_assert(route < rule);
  cr_assert(rule < place(got, "+ rule  30001 not fwmark 42069 -> table 42069 (v4)"));
  cr_assert(!mentions(got, "29990"));
  host.links[2].rp_filter = 1;  // the gateway's side is what counts now
  cr_assert(has(lines(client_plan(config), host),
                "+ rule  29990 to 203.0.113.7 tcp port 443 of uid 0 -> table 42070 (v4)"));
  cr_assert(mentions(warnings(client_plan(config), host), "strict"));
  cr_assert(!mentions(warnings(client_plan(client_config()), host), "strict"));
  cr_assert(!mentions(lines(client_plan(client_config()), host), "29980"));
}

Test(lower_client, a_gateway_on_no_network_is_an_error) {
  auto config = client_config();
  for (const char* bad : {"198.51.100.1", "10.99.0.1", "2001:db8:2::1"}) {
    config.gateway = address(bad);
    cr_assert_throw(lower(client_plan(config), laptop()), Error);
  }
  config.gateway = address("fe80::1");
  cr_assert(mentions(lines(client_plan(config), laptop()), "via fe80::1 dev wlan0 table 42070"));
}

Test(lower_client, other_marks_and_tables) {
  auto config = client_config();
  config.fwmark = Fwmark{7};
  config.table = Table{1000};
  const auto got = lines(client_plan(config), laptop());
  cr_assert(has(got, "+ rule  30001 not fwmark 7 -> table 1000 (v4)"));
  cr_assert(!mentions(got, "42069"));
}

Test(lower_client, warns_of_the_lock_out) {
  const auto all_of_it = warnings(client_plan(client_config()), laptop());
  cr_assert(mentions(all_of_it, "SSH"));
  cr_assert(mentions(all_of_it, "2001:db8:1::/64 is a public network"));
  auto config = client_config();
  config.full = false;
  config.include = {prefix("10.0.0.0/8")};
  cr_assert(warnings(client_plan(config), laptop()).empty());
  config = client_config();
  config.gateway = address("fe80::1");
  auto p = client_plan(config);
  std::get<plan::Capture>(p.steps.back()).endpoints.pop_back();
  cr_assert(mentions(warnings(p, laptop()), "of no use"));
}

Test(lower_client, the_resolver_is_named_when_it_can_be_reached) {
  auto config = client_config();
  config.dns.servers = {address("192.168.1.53")};
  const auto objects = lower(client_plan(config), laptop());
  const auto* dns = std::get_if<DnsServers>(&objects.back());
  cr_assert(dns != nullptr && dns->servers == config.dns.servers && dns->interface == "vpn0");
  // The laptop is attached to 192.168.1.0/24, which is thrown; the resolver is not.
  const auto all = lines(client_plan(config), laptop());
  cr_assert(has(all, "+ route throw 192.168.1.0/24 table 42069 (v4)"));
  cr_assert(has(all, "+ route 192.168.1.53/32 dev vpn0 table 42069 (v4)"));
}

Test(lower_client, the_servers_name_is_asked_for_by_the_mark) {
  const auto l = lease(true);
  const auto plan = plan::plan_client(client_config(), server_endpoints(), &l, plan::Posture::up,
                                      {address("8.8.8.8"), address("2001:db8::53")});
  const auto objects = lower(plan, strict(laptop(), 1, 0));
  const Wall w = only<Wall>(objects).at(0);
  cr_assert_eq(w.asked.size(), 2u);
  const NftTable table = render(w);
  for (const NftChain& chain : table.chains) {
    std::size_t asks = chain.rules.size(), refuses = chain.rules.size();
    for (std::size_t i = chain.rules.size(); i-- > 0;) {
      if (chain.rules[i].comment == "the server's name") asks = i;
      if (chain.rules[i].comment == "look-up past the tunnel") refuses = i;
    }
    if (refuses == chain.rules.size()) continue;
    cr_assert_lt(asks, refuses, "%s", chain.name.c_str());
    const std::string line = text(chain.rules[asks]);
    for (const char* part : {"mark", "8.8.8.8", "udp", "53", "accept"}) {
      cr_assert(line.find(part) != std::string::npos, "%s: %s", part, line.c_str());
    }
  }
  // The way back, for a strict reverse-path filter, which IPv6 has not.
  const auto udp = [](const Rule& r) { return r.udp; };
  auto rules = only<Rule>(objects);
  cr_assert_eq(std::ranges::count_if(rules, udp), 1);
  const Rule r = *std::ranges::find_if(rules, udp);
  cr_assert(r.root_only && r.to == Endpoint::parse("8.8.8.8:53").value());
  rules = only<Rule>(lower(plan, laptop()));
  cr_assert_eq(std::ranges::count_if(rules, udp), 0);
}
