// SPDX-License-Identifier: ISC
#include "core/plan/plan.h"

#include <criterion/criterion.h>

#include <algorithm>

#include "tests/support/golden.h"
#include "tests/support/plans.h"

using namespace vpnd;
using namespace vpnd::plan;
using namespace vpnd::test;

namespace {

template<typename T>
const T* step(const Plan& plan) {
  for (const Step& s : plan.steps) {
    if (const T* found = std::get_if<T>(&s)) return found;
  }
  return nullptr;
}

template<typename T>
std::size_t place(const Plan& plan) {
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    if (std::holds_alternative<T>(plan.steps[i])) return i;
  }
  return plan.steps.size();
}

bool among(const std::vector<Prefix>& all, const char* one) {
  return std::find(all.begin(), all.end(), prefix(one)) != all.end();
}

}  // namespace

Test(plan, before_the_first_lease_there_is_the_wall_alone) {
  auto config = client_config();
  const auto first = [&] {
    return plan_client(config, server_endpoints(), nullptr, Posture::connecting);
  };
  const Plan p = first();
  cr_assert_eq(p.steps.size(), 1u);
  cr_assert(step<Wall>(p)->addresses.empty() && step<Wall>(p)->endpoints == server_endpoints());
  config.kill_switch = KillSwitch::off;
  cr_assert(first().steps.empty());
  cr_assert_eq(print(first()), "client vpn0: no session yet\n  nothing to do\n");
  config.kill_switch = KillSwitch::on;
  config.full = false;
  cr_assert(first().steps.empty(), "a tunnel without prefixes guards nothing");
  config.include = {prefix("10.0.0.0/8")};
  cr_assert(step<Wall>(first())->guarded == config.include);
  cr_assert(!step<Wall>(first())->guard_names);
}

Test(plan, the_wall_is_the_same_in_whatever_keeps_the_session) {
  const auto l = lease(true);
  const auto config = client_config();
  const auto at = [&](Posture posture) {
    return plan_client(config, server_endpoints(), &l, posture);
  };
  cr_assert_eq(place<Wall>(at(Posture::up)), 0u);
  // Told to stay away: nothing of our own goes out, and the tunnel still swallows the rest.
  const Plan blocked = at(Posture::blocked);
  cr_assert(step<Wall>(blocked)->endpoints.empty());
  cr_assert(step<Capture>(blocked) != nullptr);
  cr_assert_eq(step<Wall>(blocked)->addresses.size(), 2u);
  const Plan stopped = at(Posture::stopped);
  cr_assert_eq(stopped.steps.size(), 1u);
  cr_assert(step<Wall>(stopped)->stays && step<Wall>(stopped)->endpoints.empty() &&
            step<Wall>(stopped)->addresses.empty());
}

Test(plan, the_servers_name_is_asked_for_only_where_and_when_it_is_said) {
  const auto l = lease(true);
  const std::vector<Address> asked{address("192.168.1.1"), address("127.0.0.53")};
  const auto at = [&](Posture posture, const wire::Lease* lease) {
    return plan_client(client_config(), server_endpoints(), lease, posture, asked);
  };
  for (const auto* lease : {static_cast<const wire::Lease*>(nullptr), &l}) {
    const Plan p = at(lease == nullptr ? Posture::connecting : Posture::up, lease);
    cr_assert_eq(step<Wall>(p)->asked.size(), 1u, "a stub needs no way out");
    cr_assert(step<Wall>(p)->asked[0] == asked[0]);
    cr_assert(print(p).find("udp port 53 of 192.168.1.1;") != std::string::npos, "%s",
              print(p).c_str());
  }
  cr_assert(step<Capture>(at(Posture::up, &l))->asked.size() == 1u);
  cr_assert(step<Wall>(at(Posture::blocked, &l))->asked.empty());
  cr_assert(step<Capture>(at(Posture::blocked, &l))->asked.empty());
  cr_assert(step<Wall>(at(Posture::stopped, nullptr))->asked.empty());
  cr_assert(step<Wall>(client_plan(client_config()))->asked.empty());
}

Test(plan, look_ups_go_to_the_leases_resolvers) {
  auto l = lease(true);
  const auto wall = [&](Posture posture) {
    return *step<Wall>(plan_client(client_config(), server_endpoints(), &l, posture));
  };
  cr_assert(wall(Posture::up).resolvers.empty() && wall(Posture::up).guard_names);
  l.dns_v4 = address("192.168.192.254");
  l.dns_v6 = address("fd76:706e::ffff");
  cr_assert_eq(wall(Posture::up).resolvers.size(), 2u);
  l.client_v6 = {};
  cr_assert_eq(wall(Posture::up).resolvers.size(), 1u);
}

Test(plan, look_ups_go_where_the_host_is_told_to_ask) {
  auto config = client_config();
  auto l = lease(true);
  l.dns_v4 = address("192.168.192.254");
  const auto plan = [&](Posture posture = Posture::up) {
    return plan_client(config, server_endpoints(), &l, posture);
  };
  const auto agree = [&] {
    const Plan p = plan();
    return step<Wall>(p)->resolvers == step<Resolver>(p)->servers;
  };
  cr_assert(agree());
  config.dns.servers = {address("9.9.9.9"), address("2620:fe::fe")};
  cr_assert(agree() && step<Wall>(plan())->resolvers == config.dns.servers);
  config.dns.mode = DnsMode::off;
  for (const Posture posture : {Posture::up, Posture::blocked, Posture::stopped}) {
    const Plan p = plan(posture);
    cr_assert(step<Resolver>(p) == nullptr);
    cr_assert(!step<Wall>(p)->guard_names && step<Wall>(p)->resolvers.empty());
  }
}

Test(plan, a_server_relays_to_a_resolver_others_can_ask) {
  auto c = server_config();
  const auto forward = [&] { return *step<Forward>(plan_server(c)); };
  cr_assert(forward().relayed.empty());
  cr_assert_not(announced_resolver(c, Family::v4).has_value());
  c.upstream_v4 = address("192.0.2.53");
  cr_assert_eq(forward().relayed.size(), 1u);
  cr_assert(forward().relayed[0] == std::pair(c.address_v4, *c.upstream_v4));
  cr_assert(announced_resolver(c, Family::v4) == c.address_v4);
  cr_assert_not(announced_resolver(c, Family::v6).has_value());
  c.push_dns = {address("9.9.9.9")};
  cr_assert(forward().relayed.empty() && forward().resolvers == c.push_dns);
  cr_assert(announced_resolver(c, Family::v4) == address("9.9.9.9"));
  c.push_dns.clear();
  c.dns_forward = false;
  cr_assert(forward().relayed.empty() && forward().resolvers.empty());
  cr_assert_not(announced_resolver(c, Family::v4).has_value());
}

Test(plan, a_client_is_shielded_before_it_has_an_address) {
  const Plan p = client_plan(client_config());
  cr_assert(place<Shield>(p) < place<Interface>(p));
  cr_assert(place<ClampMss>(p) < place<Interface>(p));
  cr_assert(place<Interface>(p) < place<Capture>(p));
  cr_assert_eq(place<Capture>(p), p.steps.size() - 1);
}

Test(plan, a_client_has_host_addresses) {
  const Plan p = client_plan(client_config());
  const auto* i = step<Interface>(p);
  cr_assert_eq(i->addresses.size(), 2u);
  cr_assert_eq(i->addresses[0].text(), "192.168.192.1/32");
  cr_assert_eq(i->addresses[1].text(), "fd76:706e::1/128");
  cr_assert_eq(step<Shield>(p)->addresses.size(), 2u);
  cr_assert_eq(step<Interface>(client_plan(client_config(), false))->addresses.size(), 1u);
}

Test(plan, the_mtu_is_the_leases_but_never_above_ours) {
  auto config = client_config();
  wire::Lease l = lease(true);
  const auto mtu = [&] { return step<Interface>(plan_client(config, {}, &l, Posture::up))->mtu; };
  l.mtu = 1300;
  cr_assert_eq(mtu(), 1300);
  l.mtu = 9000;
  cr_assert_eq(mtu(), 1420);
  config.mtu = 9000;
  cr_assert_eq(mtu(), 9000);
}

Test(plan, without_ipv6_it_is_refused_not_let_past) {
  cr_assert(!step<Capture>(client_plan(client_config(), true))->refuse_v6);
  const Plan p = client_plan(client_config(), false);
  cr_assert(step<Capture>(p)->refuse_v6);
  cr_assert(among(step<Capture>(p)->into_tunnel, "::/0"));
  auto list = client_config();
  list.full = false;
  list.include = {prefix("10.0.0.0/8")};
  cr_assert(!step<Capture>(client_plan(list, false))->refuse_v6);
  list.include.push_back(prefix("2001:db8::/32"));
  cr_assert(step<Capture>(client_plan(list, false))->refuse_v6);
}

Test(plan, a_list_is_the_list_and_the_other_end) {
  auto config = client_config();
  config.full = false;
  config.include = {prefix("10.0.0.0/8"), prefix("192.168.192.254/32")};
  const Plan p = client_plan(config);
  const auto& into = step<Capture>(p)->into_tunnel;
  cr_assert_eq(into.size(), 3u);
  cr_assert(among(into, "10.0.0.0/8") && among(into, "192.168.192.254/32"));
  cr_assert(among(into, "fd76:706e::ffff/128"));
  config.include.clear();
  cr_assert_eq(step<Capture>(client_plan(config))->into_tunnel.size(), 2u);
}

Test(plan, capture_carries_what_was_asked) {
  auto config = client_config();
  config.fwmark = Fwmark{7};
  config.table = Table{1000};
  config.exclude = {prefix("198.51.100.0/24")};
  config.lan = Lan::list;
  config.lan_prefixes = {prefix("10.1.0.0/16")};
  config.gateway = address("192.168.1.1");
  const Plan p = client_plan(config);
  const auto* c = step<Capture>(p);
  cr_assert(c->own_traffic == Fwmark{7} && c->table == Table{1000});
  cr_assert(c->past_tunnel == config.exclude && c->lan == Lan::list);
  cr_assert(c->lan_prefixes == config.lan_prefixes && c->gateway == config.gateway);
  cr_assert(c->endpoints == server_endpoints());
  cr_assert(among(c->inner, "192.168.192.0/24") && among(c->inner, "fd76:706e::/64"));
}

Test(plan, resolvers_come_last_and_are_captured) {
  auto config = client_config();
  cr_assert(step<Resolver>(client_plan(config)) == nullptr, "nobody named one");
  config.dns.servers = {address("192.168.1.53"), address("fd00::53"), address("192.168.1.53")};
  config.dns.domains = {"corp.example"};
  config.dns.mode = DnsMode::file;
  const Plan p = client_plan(config);
  const auto* r = step<Resolver>(p);
  cr_assert(r != nullptr);
  cr_assert_eq(place<Resolver>(p), p.steps.size() - 1);
  cr_assert(r->servers == std::vector<Address>({address("192.168.1.53"), address("fd00::53")}));
  cr_assert(r->domains == config.dns.domains && r->mode == DnsMode::file);
  // A network of that range may be attached here; the resolver is the other end's.
  cr_assert(among(step<Capture>(p)->into_tunnel, "192.168.1.53/32"));
  cr_assert(among(step<Capture>(p)->into_tunnel, "fd00::53/128"));
  config.full = false;
  cr_assert(among(step<Capture>(client_plan(config))->into_tunnel, "192.168.1.53/32"));
  config.dns.mode = DnsMode::off;
  cr_assert(step<Resolver>(client_plan(config)) == nullptr);
  cr_assert(!among(step<Capture>(client_plan(config))->into_tunnel, "192.168.1.53/32"));
}

Test(plan, the_leases_resolver_serves_where_the_file_names_none) {
  auto config = client_config();
  wire::Lease l = lease(true);
  l.dns_v4 = address("192.168.192.254");
  l.dns_v6 = address("fd76:706e::ffff");
  const auto servers = [&] {
    const Plan p = plan_client(config, {}, &l, Posture::up);
    const auto* r = step<Resolver>(p);
    return r == nullptr ? std::vector<Address>{} : r->servers;
  };
  cr_assert(servers() == std::vector<Address>({l.dns_v4, l.dns_v6}));
  l.client_v6 = {};
  cr_assert(servers() == std::vector<Address>({l.dns_v4}), "IPv6 is refused there");
  config.dns.servers = {address("9.9.9.9")};
  cr_assert(servers() == config.dns.servers);
  config.dns.servers = {address("2620:fe::fe")};
  cr_assert(servers().empty());
  config.dns.servers.clear();
  config.exclude = {Prefix::host(l.dns_v4)};
  cr_assert(servers().empty(), "past the tunnel");
  config.exclude = {prefix("192.168.192.0/24")};
  cr_assert_eq(servers().size(), 1u, "out of an excluded network, this one is captured");
  config.full = false;
  config.include = {prefix("10.0.0.0/8")};
  cr_assert(servers().empty(), "names of other networks are not the server's business");
  config.dns.servers = {address("10.0.0.53")};
  cr_assert(servers() == config.dns.servers);
}

Test(plan, a_server_forwards_before_it_has_a_device) {
  const Plan p = plan_server(server_config());
  cr_assert(place<Forward>(p) < place<Interface>(p));
  const auto* i = step<Interface>(p);
  cr_assert_eq(i->addresses[0].text(), "192.168.192.254/24");
  cr_assert_eq(i->addresses[1].text(), "fd76:706e::1/64");
  cr_assert(step<Forward>(p)->pool_v6.has_value());
}

Test(plan, a_server_without_ipv6) {
  auto config = server_config();
  config.v6 = ServerConfig::V6::off;
  const Plan off = plan_server(config);
  cr_assert(!step<Forward>(off)->pool_v6);
  cr_assert_eq(step<Interface>(off)->addresses.size(), 1u);
  const Plan underived = plan_server(server_config(false));
  cr_assert(!step<Forward>(underived)->pool_v6);
}

Test(plan, a_server_forwards_as_asked) {
  auto config = server_config();
  config.nat = false;
  config.isolate = false;
  config.external = address("198.51.100.1");
  config.server_lan = {prefix("10.0.0.0/24")};
  const Plan p = plan_server(config);
  const auto* f = step<Forward>(p);
  cr_assert(!f->masquerade && !f->isolate);
  cr_assert(f->external == config.external && f->server_lan == config.server_lan);
}

Test(plan, equal_only_when_equal) {
  auto config = client_config();
  const Plan a = client_plan(config);
  cr_assert(a == client_plan(config));
  cr_assert(a != client_plan(config, false));
  config.exclude = {prefix("10.0.0.0/8")};
  cr_assert(a != client_plan(config));
}

Test(plan, prints) {
  auto client = client_config();
  client.exclude = {prefix("198.51.100.0/24")};
  client.gateway = address("192.168.1.1");
  auto naming = client_config();
  naming.dns.servers = {address("10.0.0.53"), address("9.9.9.9")};
  naming.dns.domains = {"corp.example", "lab"};
  naming.dns.mode = DnsMode::file;
  auto server = server_config();
  server.external = address("198.51.100.1");
  server.server_lan = {prefix("10.0.0.0/24")};
  compare_golden("plan_print.txt",
                 print(client_plan(client)) + "\n" + print(client_plan(client_config(), false)) +
                     "\n" + print(client_plan(naming)) + "\n" + print(plan_server(server)) + "\n" +
                     print(plan_server(server_config(false))));
}
