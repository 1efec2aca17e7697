// SPDX-License-Identifier: ISC
// What the status says of how traffic is routed, by which a leak check knows what is meant.

#include <criterion/criterion.h>

#include "core/plan/keeper.h"
#include "tests/support/plans.h"

using namespace vpnd;
using namespace vpnd::plan;
using namespace vpnd::test;

namespace {

using Texts = std::vector<std::string>;

Status::Routing routing(const Config& config) {
  host::Machine machine{host::Places{}};
  return Keeper(machine, config, server_endpoints()).status().routing;
}

}  // namespace

Test(keeper_routing, of_a_client_that_takes_everything) {
  ClientConfig c = client_config();
  c.exclude = {prefix("10.9.0.0/16")};
  const auto r = routing(c);
  cr_assert_eq(r.endpoints, Texts({"203.0.113.7:443", "[2001:db8::7]:443"}));
  cr_assert_eq(r.into_tunnel, Texts({"0.0.0.0/0", "::/0"}));
  cr_assert_eq(r.past_tunnel, Texts({"10.9.0.0/16"}));
  cr_assert_eq(r.lan, "private");
  cr_assert_eq(r.kill_switch, "on");
  cr_assert_eq(r.fwmark, 42069u);
}

Test(keeper_routing, of_a_client_with_lists) {
  ClientConfig c = client_config();
  c.full = false;
  c.include = {prefix("10.20.0.0/16")};
  c.exclude = {prefix("10.20.1.0/24")};
  c.lan = Lan::list;
  c.lan_prefixes = {prefix("192.168.7.0/24")};
  c.kill_switch = KillSwitch::off;
  const auto r = routing(c);
  cr_assert_eq(r.into_tunnel, Texts({"10.20.0.0/16"}));
  cr_assert_eq(r.past_tunnel, Texts({"10.20.1.0/24", "192.168.7.0/24"}));
  cr_assert_eq(r.lan, "list");
  cr_assert_eq(r.kill_switch, "off");
  for (const auto& [lan, name] :
       {std::pair{Lan::none, "none"}, {Lan::routes, "routes"}, {Lan::private_only, "private"}}) {
    c.lan = lan;
    cr_assert_eq(routing(c).lan, name);
  }
}

Test(keeper_routing, of_a_server_is_none) {
  ServerConfig c;
  c.interface = "vpns";
  cr_assert(routing(c).into_tunnel.empty());
  cr_assert(routing(c).kill_switch.empty());
}
