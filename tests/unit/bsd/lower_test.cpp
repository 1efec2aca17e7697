// SPDX-License-Identifier: ISC
#include "bsd/lower.h"

#include <criterion/criterion.h>
#include <fmt/format.h>

#include <algorithm>

#include "tests/unit/bsd/plans.h"

using namespace vpnd;
using namespace vpnd::bsd;
using namespace vpnd::test;

namespace {

HostFacts laptop() {
  HostFacts f;
  f.has_v6 = true;
  f.default_v4 = Hop{address("192.0.2.1")};
  f.default_v6 = Hop{address("fe80::1"), 0, 1};
  f.uplink = "em0";
  return f;
}

std::string lines(const plan::Plan& plan, const HostFacts& facts) {
  std::string out;
  for (const Object& o : lower(plan, facts)) out += name_of(o) + "\n";
  return out;
}

void cr_lines(const plan::Plan& plan, const HostFacts& facts, const std::string& wanted) {
  const std::string got = lines(plan, facts);
  cr_assert(got == wanted, "%s", got.c_str());
}

bool has(const plan::Plan& plan, const HostFacts& facts, const std::string& line) {
  return ("\n" + lines(plan, facts)).find("\n" + line + "\n") != std::string::npos;
}

constexpr const char* kTunnelV4 =
    "link tun0 mtu 1420, up\n"
    "addr 192.168.192.1 on tun0, other end 192.168.192.254\n";

}  // namespace

Test(bsd_lower, a_client) {
  cr_lines(client_plan(client_config("tun0"), lease()), laptop(),
           std::string(kTunnelV4) +
               "addr fd76:706e::2 on tun0, other end fd76:706e::1\n"
               "route 203.0.113.5/32 via 192.0.2.1, past the tunnel\n"
               "route 0.0.0.0/1 via 192.168.192.254\n"
               "route 128.0.0.0/1 via 192.168.192.254\n"
               "route ::/1 via fd76:706e::1\n"
               "route 8000::/1 via fd76:706e::1\n"
               "dns 192.168.192.254\n");
}

Test(bsd_lower, a_server_without_ipv6_has_it_refused) {
  cr_lines(client_plan(client_config("tun0"), lease(false)), laptop(),
           std::string(kTunnelV4) +
               "route 203.0.113.5/32 via 192.0.2.1, past the tunnel\n"
               "route 0.0.0.0/1 via 192.168.192.254\n"
               "route 128.0.0.0/1 via 192.168.192.254\n"
               "route ::/1 refused\n"
               "route 8000::/1 refused\n"
               "dns 192.168.192.254\n");
}

Test(bsd_lower, a_host_without_ipv6_gets_none) {
  HostFacts f = laptop();
  f.has_v6 = false;
  for (const bool v6 : {false, true}) {
    cr_lines(client_plan(client_config("tun0"), lease(v6)), f,
             std::string(kTunnelV4) +
                 "route 203.0.113.5/32 via 192.0.2.1, past the tunnel\n"
                 "route 0.0.0.0/1 via 192.168.192.254\n"
                 "route 128.0.0.0/1 via 192.168.192.254\n"
                 "dns 192.168.192.254\n");
  }
}

// Until everything is captured at the very end, nothing else is missing.
Test(bsd_lower, networks_come_before_everything) {
  plan::Plan plan = client_plan(client_config("tun0"), lease());
  for (plan::Step& step : plan.steps) {
    auto* const capture = std::get_if<plan::Capture>(&step);
    if (capture == nullptr) continue;
    capture->into_tunnel.push_back(prefix("10.7.0.0/16"));
    capture->into_tunnel.push_back(prefix("fd55::/48"));
  }
  cr_lines(plan, laptop(),
           std::string(kTunnelV4) +
               "addr fd76:706e::2 on tun0, other end fd76:706e::1\n"
               "route 203.0.113.5/32 via 192.0.2.1, past the tunnel\n"
               "route 10.7.0.0/16 via 192.168.192.254\n"
               "route fd55::/48 via fd76:706e::1\n"
               "route 0.0.0.0/1 via 192.168.192.254\n"
               "route 128.0.0.0/1 via 192.168.192.254\n"
               "route ::/1 via fd76:706e::1\n"
               "route 8000::/1 via fd76:706e::1\n"
               "dns 192.168.192.254\n");
}

Test(bsd_lower, a_server_over_ipv6_by_a_router_of_one_link) {
  const auto plan = client_plan(client_config("tun0"), lease(), "2001:db8:7::7");
  cr_assert(has(plan, laptop(), "route 2001:db8:7::7/128 via fe80::1%1, past the tunnel"));
}

Test(bsd_lower, without_a_way_out_the_server_is_not_looked_for_in_the_tunnel) {
  HostFacts f = laptop();
  f.default_v4.reset();
  cr_assert(has(client_plan(client_config("tun0"), lease()), f, "route 203.0.113.5/32 refused"));
}

Test(bsd_lower, a_default_route_by_an_interface) {
  HostFacts f = laptop();
  f.default_v4 = Hop{std::nullopt, 4};
  cr_assert(has(client_plan(client_config("tun0"), lease()), f,
                "route 203.0.113.5/32 via link#4, past the tunnel"));
}

Test(bsd_lower, a_gateway_that_was_named_is_the_way_out) {
  auto config = client_config("tun0");
  config.gateway = address("192.0.2.77");
  HostFacts f = laptop();
  f.specific = {{address("203.0.113.5"), prefix("203.0.113.0/24")}};
  cr_assert(
      has(client_plan(config, lease()), f, "route 203.0.113.5/32 via 192.0.2.77, past the tunnel"));
}

Test(bsd_lower, a_server_to_which_a_route_leads_needs_none) {
  HostFacts f = laptop();
  f.specific = {{address("203.0.113.5"), prefix("203.0.113.0/24")}};
  const auto full = client_plan(client_config("tun0"), lease());
  cr_assert(lines(full, f).find("203.0.113.5") == std::string::npos);
  // Where a network is captured that is smaller still, that one would win.
  auto config = client_config("tun0");
  config.full = false;
  config.include = {prefix("203.0.113.0/28")};
  cr_assert(
      has(client_plan(config, lease()), f, "route 203.0.113.5/32 via 192.0.2.1, past the tunnel"));
}

Test(bsd_lower, a_list_of_networks) {
  auto config = client_config("tun0");
  config.full = false;
  config.include = {prefix("10.20.0.5/16"), prefix("fd12::/32")};
  cr_lines(client_plan(config, lease()), laptop(),
           std::string(kTunnelV4) +
               "addr fd76:706e::2 on tun0, other end fd76:706e::1\n"
               "route 10.20.0.0/16 via 192.168.192.254\n"
               "route fd12::/32 via fd76:706e::1\n");
}

Test(bsd_lower, what_is_excluded_goes_past) {
  auto config = client_config("tun0");
  config.exclude = {prefix("198.51.100.7/24"), prefix("2001:db8:5::/48")};
  config.lan = plan::Lan::list;
  config.lan_prefixes = {prefix("10.0.0.0/8")};
  const auto plan = client_plan(config, lease());
  cr_assert(has(plan, laptop(), "route 198.51.100.0/24 via 192.0.2.1, past the tunnel"));
  cr_assert(has(plan, laptop(), "route 2001:db8:5::/48 via fe80::1%1, past the tunnel"));
  cr_assert(has(plan, laptop(), "route 10.0.0.0/8 via 192.0.2.1, past the tunnel"));
  const std::string text = lines(plan, laptop());
  cr_assert(text.find("10.0.0.0/8") < text.find("0.0.0.0/1 via"), "ways out come first");
}

Test(bsd_lower, excluded_and_included_at_once_is_excluded) {
  auto config = client_config("tun0");
  config.full = false;
  config.include = {prefix("10.0.0.0/8"), prefix("10.1.0.0/16")};
  config.exclude = {prefix("10.1.0.0/16"), prefix("172.16.0.0/12")};
  const std::string text = lines(client_plan(config, lease()), laptop());
  cr_assert(text.find("10.1.0.0/16 via 192.0.2.1, past") != std::string::npos);
  cr_assert(text.find("10.1.0.0/16 via 192.168") == std::string::npos);
  cr_assert(text.find("172.16") == std::string::npos, "it is not captured, and needs no way past");
}

Test(bsd_lower, before_the_first_session_there_is_nothing) {
  const auto config = client_config("tun0");
  const auto plan = plan::plan_client(config, {}, nullptr, plan::Posture::connecting);
  cr_assert(!plan.steps.empty());
  cr_assert(lower(plan, laptop()).empty());
}

Test(bsd_lower, a_server) {
  cr_lines(plan::plan_server(server_config("tun0")), laptop(),
           "link tun0 mtu 1420, up\n"
           "addr 192.168.192.254 on tun0, other end 192.168.192.1\n"
           "route 192.168.192.0/24 via 192.168.192.1\n"
           "addr fd76:706e::1 on tun0, other end fd76:706e::2\n"
           "route fd76:706e::/64 via fd76:706e::2\n"
           "conf forwarding of IPv4\n"
           "conf forwarding of IPv6\n");
  auto config = server_config("tun0");
  config.v6 = plan::ServerConfig::V6::off;
  cr_assert(lines(plan::plan_server(config), laptop()).find("IPv6") == std::string::npos);
}

Test(bsd_lower, the_far_end_of_a_server_is_in_its_pool_and_not_itself) {
  for (const char* own : {"10.0.0.0/31", "10.0.0.1/31", "10.0.0.1/30", "10.0.0.2/30", "10.9.8.7/8",
                          "10.255.255.254/8"}) {
    plan::Plan plan{"", {plan::Interface{"tun0", 1420, {prefix(own)}}}};
    const auto objects = lower(plan, laptop());
    const auto& a = std::get<AddressOn>(objects.at(1));
    cr_assert(a.peer != a.own && prefix(own).contains(a.peer), "%s", a.peer.text().c_str());
  }
}

namespace {

bool warned(const std::vector<std::string>& all, const char* part) {
  return std::ranges::any_of(all, [part](const std::string& w) { return w.find(part) != w.npos; });
}

}  // namespace

Test(bsd_lower, warnings_say_what_cannot_be_had) {
  auto config = client_config("tun0");
  config.lan = plan::Lan::none;
  config.keep_inbound = true;
  for (const Traits* t : kAllSystems) {
    const auto all = warnings(*t, client_plan(config, lease(false)), laptop());
    cr_assert(warned(all, "no kill switch"));
    cr_assert(warned(all, "lan = \"none\""));
    cr_assert(warned(all, "keep_inbound"));
    cr_assert(warned(all, "SSH"));
    cr_assert(warned(all, "no IPv6"));
    config.mtu = 20000;
    auto large = lease();
    large.mtu = 20000;
    cr_assert_eq(warned(warnings(*t, client_plan(config, large), laptop()), "no MTU above 16384"),
                 t == &kOpenBsd);
    config.mtu = 1420;
  }
  config = client_config("tun0");
  config.kill_switch = plan::KillSwitch::off;
  const auto few = warnings(kFreeBsd, client_plan(config, lease()), laptop());
  cr_assert(!warned(few, "kill switch") && !warned(few, "lan = ") && !warned(few, "keep_inbound"));
}

Test(bsd_lower, a_server_is_told_of_the_packet_filter) {
  HostFacts f = laptop();
  f.links = {{"em1", 2, true, {prefix("192.168.0.1/16")}}};
  for (const Traits* t : kAllSystems) {
    const auto all = warnings(*t, plan::plan_server(server_config("tun0")), f);
    cr_assert(warned(all, "packet filter"));
    cr_assert(warned(all, t == &kNetBsd ? "/etc/npf.conf: map em0" : "/etc/pf.conf: "));
    cr_assert(warned(all, "overlaps 192.168.0.0/16"));
    cr_assert(!warned(all, "default route"));
  }
  f.default_v4.reset();
  cr_assert(
      warned(warnings(kFreeBsd, plan::plan_server(server_config("tun0")), f), "default route"));
}
