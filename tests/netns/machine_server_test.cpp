// SPDX-License-Identifier: ISC
// A server's plan on a real kernel: settings of a device that was made anew, and accepts in the
// chains of others.

#include <criterion/criterion.h>

#include <optional>

#include "core/host.h"
#include "tests/support/netns.h"
#include "tests/support/plans.h"
#include "tests/support/snapshot.h"

using namespace vpnd;
using test::run_program;
using test::Snapshot;

namespace {

constexpr char kForeign[] =
    "add table ip filter; add chain ip filter FORWARD { type filter hook forward priority 0; "
    "policy drop; }";

std::string out(const std::vector<std::string>& words) {
  const auto done = run_program(words);
  cr_assert_eq(done.status, 0, "%s: %s", words.back().c_str(), done.output.c_str());
  return done.output;
}

bool accepts() {
  return out({"nft", "list", "chain", "ip", "filter", "FORWARD"})
             .find("iifname \"vpn0\" counter") != std::string::npos;
}

struct Bed {
  std::string directory = test::temporary_directory();
  host::Machine machine{host::Places{directory, directory}};
  Snapshot before = Snapshot::take();
  std::optional<host::Tunnel> tunnel;
  plan::Applied applied;

  Bed() {
    machine.claim("vpn0");
    tunnel.emplace("vpn0");
    applied = machine.apply(plan::plan_server(test::server_config()));
    cr_assert(machine.intact());
  }
  ~Bed() {
    applied.revert();
    tunnel.reset();
  }
};

void make_bed() {
  test::fresh_netns();
  out({"nft", kForeign});
}

}  // namespace

TestSuite(machine_server, .init = make_bed);

Test(machine_server, an_accept_comes_again_as_long_as_its_chain_drops) {
  Bed b;
  cr_assert(accepts());
  out({"nft", "flush chain ip filter FORWARD"});
  cr_assert_not(accepts());
  cr_assert_not(b.machine.intact());
  cr_assert_eq(b.machine.repair({}).put_back.size(), 1u);
  cr_assert(accepts());

  out({"nft", "delete table ip filter"});
  cr_assert(b.machine.intact(), "there is nothing to accept in");
  const host::Repair none = b.machine.repair({});
  cr_assert(none.put_back.empty() && none.failure.empty(), "%s", none.failure.c_str());

  out({"nft", kForeign});
  cr_assert_not(b.machine.intact(), "the firewall is back");
  cr_assert_eq(b.machine.repair({}).put_back.size(), 1u);
  b.applied.revert();
  b.tunnel.reset();
  const Snapshot after = Snapshot::take();
  cr_assert(b.before == after, "%s", b.before.difference(after).c_str());
}

Test(machine_server, a_new_device_gets_the_settings_of_the_old_one) {
  Bed b;
  const auto forwards = [] {
    return out({"cat", "/proc/sys/net/ipv4/conf/vpn0/forwarding"}) == "1\n";
  };
  cr_assert(forwards());
  out({"ip", "link", "del", "vpn0"});
  b.tunnel.emplace("vpn0");
  cr_assert_not(forwards());
  cr_assert(b.machine.repair("vpn0").failure.empty());
  cr_assert(forwards());
  cr_assert(b.machine.intact());
  // An administrator turns it off: that is his to decide.
  out({"sysctl", "-q", "net.ipv4.conf.vpn0.forwarding=0"});
  cr_assert(b.machine.intact());
  cr_assert(b.machine.repair({}).put_back.empty());
  cr_assert_not(forwards());
  b.applied.revert();
  b.tunnel.reset();
  const Snapshot after = Snapshot::take();
  cr_assert(b.before == after, "%s", b.before.difference(after).c_str());
}
