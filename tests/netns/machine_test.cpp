// SPDX-License-Identifier: ISC
// A client's plan on a real kernel: what others remove is made again, what they chose is left, and
// the end leaves nothing.

#include <criterion/criterion.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <optional>

#include "core/base/error.h"
#include "core/host.h"
#include "linux/rtnl.h"
#include "tests/support/netns.h"
#include "tests/support/plans.h"
#include "tests/support/snapshot.h"

using namespace vpnd;
using test::run_program;
using test::Snapshot;

namespace {

struct Bed {
  std::string directory = test::temporary_directory();
  host::Machine machine{host::Places{directory, directory}};
  std::optional<Snapshot> before;
  std::optional<host::Tunnel> tunnel;
  plan::Plan plan;
  plan::Applied applied;
  std::optional<Snapshot> during;
};
std::optional<Bed> bed;

std::string ip(const std::string& words) {
  const auto done = test::run_ip(words);
  cr_assert_eq(done.status, 0, "ip %s: %s", words.c_str(), done.output.c_str());
  return done.output;
}

void make_bed() {
  test::fresh_netns();
  ip("link add wan0 type veth peer name far0");
  for (const char* name : {"wan0", "far0"}) {
    ip(std::string("link set ") + name + " addrgenmode none");
    ip(std::string("link set ") + name + " up");
  }
  ip("addr add 192.168.7.2/24 dev wan0");
  ip("route add default via 192.168.7.1");
  bed.emplace();
  bed->machine.claim("vpn0");
  bed->before = Snapshot::take();
  bed->tunnel.emplace("vpn0");
  bed->plan = test::client_plan(test::client_config());
  bed->applied = bed->machine.apply(bed->plan);
  bed->during = Snapshot::take();
}

// The end, after whatever was done to it.
void drop_bed() {
  bed->applied.revert();
  bed->tunnel.reset();
  const Snapshot after = Snapshot::take();
  const std::string left = bed->before->difference(after);
  const bool same = *bed->before == after;
  bed.reset();
  cr_assert(same, "left behind:\n%s", left.c_str());
}

// Whatever was done, one repair undoes it, and then there is nothing left to do.
void heals(const char* what, const std::string& fresh = {}) {
  cr_assert_not(bed->machine.intact(), "%s was not noticed", what);
  const host::Repair r = bed->machine.repair(fresh);
  cr_assert(r.failure.empty(), "%s: %s", what, r.failure.c_str());
  cr_assert_not(r.put_back.empty(), "%s", what);
  cr_assert(bed->machine.intact(), "%s", what);
  cr_assert(bed->machine.repair({}).put_back.empty(), "%s: it never ends", what);
}

void as_it_was(const char* what) {
  const Snapshot now = Snapshot::take();
  cr_assert(*bed->during == now, "%s:\n%s", what, bed->during->difference(now).c_str());
}

}  // namespace

TestSuite(machine, .init = make_bed, .fini = drop_bed);

Test(machine, each_thing_that_is_removed_is_made_again_as_it_was) {
  cr_assert(bed->machine.intact());
  const char* const kRemovals[] = {
      "-4 rule del priority 30001",
      "-6 rule del priority 30001",
      "-4 route del default table 42069",
      "-6 route del default table 42069",
      "-4 route del throw 192.168.7.0/24 table 42069",
      "-4 route flush table 42069",
      "-6 route flush table 42069",
      "addr del 192.168.192.1/32 dev vpn0",
      "-6 addr del fd76:706e::1/128 dev vpn0",
      "addr flush dev vpn0",
      "link set vpn0 down",
  };
  for (const char* removal : kRemovals) {
    ip(removal);
    heals(removal);
    as_it_was(removal);
  }
}

Test(machine, a_route_put_in_the_place_of_ours_gives_way) {
  for (const std::string family : {"-4", "-6"}) {
    const std::string metric = family == "-6" ? " metric 1024" : "";
    ip(family + " route replace default dev wan0 table 42069" + metric);
    heals("a hijacked default");
    as_it_was("a hijacked default");
  }
}

Test(machine, a_device_that_is_deleted_can_be_made_anew) {
  for (const char* way : {"link del vpn0", "link set vpn0 name other0"}) {
    cr_assert(bed->tunnel->alive());
    if (std::string(way).find("name") != std::string::npos) ip("link set vpn0 down");
    ip(way);
    cr_assert_not(bed->tunnel->alive(), "%s", way);
    bed->tunnel.emplace("vpn0");
    heals(way, "vpn0");
  }
}

Test(machine, a_device_in_another_namespace_is_none_of_ours) {
  const test::Namespace elsewhere;
  nl::Netlink rt;
  nl::Message m(RTM_NEWLINK);
  m.fixed<ifinfomsg>().ifi_index = nl::find_link(rt, std::string("vpn0"))->index;
  m.put32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(elsewhere.fd()));
  rt.request(m, "move the device");
  cr_assert_not(bed->tunnel->alive());
  bed->tunnel.emplace("vpn0");
  heals("moved away", "vpn0");
}

Test(machine, another_device_with_its_name_and_number_is_none_of_ours) {
  nl::Netlink rt;
  const std::string index = std::to_string(nl::find_link(rt, std::string("vpn0"))->index);
  ip("link del vpn0");
  ip("link add name vpn0 index " + index + " type veth peer name far1");
  cr_assert_eq(std::to_string(nl::find_link(rt, std::string("vpn0"))->index), index);
  cr_assert_not(bed->tunnel->alive());
  ip("link del vpn0");
  bed->tunnel.emplace("vpn0");
  heals("an impostor", "vpn0");
}

Test(machine, what_an_administrator_chose_is_left_alone) {
  ip("link set vpn0 mtu 1300");
  cr_assert(bed->machine.intact());
  cr_assert(bed->machine.repair({}).put_back.empty());
  cr_assert(ip("link show vpn0").find("mtu 1300") != std::string::npos);
}

Test(machine, local_networks_follow) {
  const auto thrown = [] {
    return ip("route show table 42069").find("throw 10.9.9.0/24") != std::string::npos;
  };
  cr_assert_not(thrown());
  ip("addr add 10.9.9.1/24 dev wan0");
  bed->machine.replace(bed->applied, bed->plan, bed->plan);
  cr_assert(thrown());
  ip("addr del 10.9.9.1/24 dev wan0");
  bed->machine.replace(bed->applied, bed->plan, bed->plan);
  cr_assert_not(thrown());
  as_it_was("there and gone");
}

// From one plan to the next all of it comes or nothing: the wall too is the old one again.
Test(machine, a_change_that_fails_midway_changes_nothing) {
  ip("route add throw 198.51.100.0/24 table 42069");  // somebody else's, in the way of the second
  const Snapshot before = Snapshot::take();
  auto config = test::client_config();
  config.exclude = {test::prefix("203.0.113.0/24"), test::prefix("198.51.100.0/24")};
  const plan::Plan next = test::client_plan(config);
  cr_assert_throw(bed->machine.replace(bed->applied, bed->plan, next), Error);
  const Snapshot after = Snapshot::take();
  cr_assert(before == after, "%s", before.difference(after).c_str());
  cr_assert(bed->machine.intact());
  ip("route del throw 198.51.100.0/24 table 42069");
  bed->machine.replace(bed->applied, bed->plan, next);
  cr_assert(Snapshot::take() != before);
}

Test(machine, what_cannot_be_made_does_not_keep_the_rest_from_it) {
  ip("-4 rule del priority 30001");
  ip("link del vpn0");
  // The device is not there, so its routes cannot be.
  const host::Repair r = bed->machine.repair({});
  cr_assert_not(r.failure.empty());
  cr_assert(ip("rule show").find("30001:") != std::string::npos);
  bed->tunnel.emplace("vpn0");
  heals("the rest", "vpn0");
}
