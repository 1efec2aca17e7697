// SPDX-License-Identifier: ISC
// Two equal hosts: one carries a plan out, on the other a shell runs what `vpnd plan --format=ip`
// prints. Then the kernels must have the same, to the last rule.

#include <criterion/criterion.h>
#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <regex>

#include "core/host.h"
#include "linux/apply.h"
#include "linux/lower.h"
#include "linux/rtnl.h"
#include "linux/tun.h"
#include "linux/way.h"
#include "tests/support/netns.h"
#include "tests/support/plans.h"
#include "tests/support/private_etc.h"
#include "tests/support/same_commands.h"
#include "tests/support/snapshot.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

using Words = std::vector<std::string>;

void shell(const std::string& script) {
  const Fd here(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  const Finished done = run_program({"sh", "-e", "-c", script}, here.get());
  if (done.status != 0) throw Error("run\n" + script + "\n" + done.output, 0);
}

// A home with two networks and a firewall of containers; `more` makes it special.
struct Home {
  Namespace ns;
  explicit Home(const std::string& more) {
    ns.run([&] {
      shell(
          "ip link add eth0 address 02:00:00:00:00:01 type veth peer name far0 address "
          "02:00:00:00:00:02\n"
          "ip link add br.7 address 02:00:00:00:00:03 type veth peer name far7 address "
          "02:00:00:00:00:04\n"
          "for dev in eth0 far0 br.7 far7; do ip link set $dev addrgenmode none up; done\n"
          "ip addr add 192.168.1.20/24 dev eth0\n"
          "ip addr add fd00:1::20/64 dev eth0 nodad\n"
          "ip addr add 172.17.0.1/16 dev br.7\n"
          "ip route add default via 192.168.1.1\n"
          "ip -6 route add default via fd00:1::1\n" +
          more);
    });
  }
};

std::string device() {
  const Fd here(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  const std::string said = run_ip("-d link show dev vpn0", here.get()).output;
  const auto kind = said.find("tun type");
  return kind == said.npos
             ? "none"
             : std::regex_replace(said.substr(kind), std::regex("persist (on|off) "), "");
}

// The kernel makes some of a device's IPv6 routes in a work queue.
void wait_for_device(const plan::Plan& plan) {
  constexpr int kTurns = 500;
  nl::Netlink rt;
  for (const plan::Step& step : plan.steps) {
    const auto* interface = std::get_if<plan::Interface>(&step);
    if (interface == nullptr) continue;
    for (const Prefix& p : interface->addresses) {
      for (int i = 0; i < kTurns && !nl::comes_here(rt, p.address); ++i) ::usleep(10'000);
    }
  }
  const Fd here(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  for (int i = 0; i < kTurns; ++i) {
    if (!run_ip("-6 route show table local type multicast dev vpn0", here.get()).output.empty()) {
      break;
    }
    ::usleep(10'000);
  }
}

struct Made {
  std::string before, state, after, device, resolver, resolver_before, resolver_after;
};

std::string resolver_file() {
  const Fd here(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  return run_program({"sh", "-c", "stat -c %F:%a /etc/resolv.conf; cat /etc/resolv.conf"},
                     here.get())
      .output;
}

Made by_program(const plan::Plan& plan, const std::string& more) {
  const Home home(more);
  Made made;
  home.ns.run([&] {
    nl::Tun tun = nl::open_tun("vpn0");
    nl::Host host;
    const plan::Applied applied = host.apply(nl::lower(plan, host.facts_for(plan)));
    wait_for_device(plan);
    made.state = comparable(Snapshot::take().text());
    made.device = device();
    made.resolver = resolver_file();
  });
  return made;
}

// And then takes it back as the first lines of the commands say.
Made by_commands(const plan::Plan& plan, const std::string& more) {
  const Home home(more);
  Made made;
  home.ns.run([&] {
    made.before = comparable(Snapshot::take().text());
    made.resolver_before = resolver_file();
    const plan::Lowered lowered = host::lowered(plan);
    shell(plan::commands(plan, lowered));
    {
      const Fd attached = attach_to("vpn0");
      wait_for_device(plan);
      made.state = comparable(Snapshot::take().text());
      made.device = device();
      made.resolver = resolver_file();
    }
    (void)nl::Host().sweep("vpn0", temporary_directory());
    shell("ip link del dev vpn0");
    for (const plan::Change& change : lowered.changes) {
      if (change.kind == "conf" && change.commands.find("/vpn0/") == std::string::npos) {
        shell(std::regex_replace(change.commands, std::regex("=1\n"), "=0\n"));
      }
    }
    made.after = comparable(Snapshot::take().text());
    made.resolver_after = resolver_file();
  });
  return made;
}

void same(const plan::Plan& plan, const std::string& more = {}) {
  const Made ours = by_program(plan, more), theirs = by_commands(plan, more);
  cr_assert_eq(ours.state, theirs.state, "%s:\n%s", plan.title.c_str(),
               text_difference(ours.state, theirs.state).c_str());
  cr_assert_eq(ours.device, theirs.device, "%s and %s", ours.device.c_str(), theirs.device.c_str());
  cr_assert_eq(ours.resolver, theirs.resolver, "%s and %s", ours.resolver.c_str(),
               theirs.resolver.c_str());
  cr_assert_neq(theirs.before, theirs.state, "nothing was done");
  cr_assert_eq(theirs.before, theirs.after, "%s, taken back:\n%s", plan.title.c_str(),
               text_difference(theirs.before, theirs.after).c_str());
  cr_assert_eq(theirs.resolver_before, theirs.resolver_after, "%s", theirs.resolver_after.c_str());
}

void in_etc() {
  private_etc();
  std::ofstream("/etc/resolv.conf") << "nameserver 192.168.1.1\noptions timeout:1\n";
}

constexpr char kStrict[] = "sysctl -q -w net/ipv4/conf/eth0/rp_filter=1\n";
constexpr char kDrop[] =
    "nft 'add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; "
    "policy drop; }'\n";
constexpr char kDocker[] =
    "nft 'add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; "
    "policy drop; }; add chain ip filter DOCKER-USER; add rule ip filter FORWARD jump "
    "DOCKER-USER'\n";

}  // namespace

TestSuite(plan_commands, .init = in_etc);

Test(plan_commands, a_client) {
  same(client_plan(client_config()));
}

Test(plan_commands, a_client_of_a_server_without_ipv6_under_a_strict_filter) {
  auto config = client_config();
  config.keep_inbound = true;
  same(client_plan(config, false), kStrict);
}

Test(plan_commands, a_client_for_a_session_that_leaves_out_what_it_is_told) {
  auto config = client_config();
  config.kill_switch = plan::KillSwitch::session;
  config.exclude = {prefix("198.51.100.0/24"), prefix("2001:db8:9::/48")};
  config.lan = plan::Lan::routes;
  same(client_plan(config), kStrict);
}

Test(plan_commands, a_client_of_some_networks_without_a_wall) {
  auto config = client_config();
  config.full = false;
  config.include = {prefix("10.0.0.0/8"), prefix("2001:db8:7::/48")};
  config.kill_switch = plan::KillSwitch::off;
  config.keep_inbound = true;
  config.dns.servers = {address("10.0.0.53")};
  config.dns.domains = {"example.net", "lan"};
  same(client_plan(config));
}

Test(plan_commands, a_client_by_a_gateway_with_its_own_list) {
  auto config = client_config();
  config.gateway = address("192.168.1.254");
  config.lan = plan::Lan::list;
  config.lan_prefixes = {prefix("192.168.1.0/24")};
  same(client_plan(config), kStrict);
}

Test(plan_commands, a_client_that_asks_for_its_server) {
  const wire::Lease l = lease(true);
  same(plan::plan_client(client_config(), server_endpoints(), &l, plan::Posture::up,
                         {address("192.168.1.1")}),
       kStrict);
}

Test(plan_commands, a_server) {
  same(plan::plan_server(server_config()));
}

Test(plan_commands, a_server_behind_a_firewall_that_drops) {
  auto config = server_config();
  config.external = address("192.168.1.20");
  config.isolate = false;
  config.server_lan = {prefix("172.17.0.0/24")};
  config.push_dns = {address("172.17.0.53")};
  same(plan::plan_server(config), kDrop);
}

Test(plan_commands, a_server_without_ipv6_beside_containers) {
  auto config = server_config(false);
  config.nat = false;
  config.max_connections = 0;
  config.upstream_v4 = address("192.168.1.1");
  same(plan::plan_server(config), kDocker);
}
