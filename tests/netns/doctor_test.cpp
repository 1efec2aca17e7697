// SPDX-License-Identifier: ISC
// What others have done to a host: the doctor names it, and what it says to do about it helps.

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <fstream>
#include <regex>

#include "linux/apply.h"
#include "linux/lower.h"
#include "linux/tun.h"
#include "tests/netns/doctor_ward.h"
#include "tests/support/private_etc.h"
#include "tests/support/snapshot.h"

using namespace vpnd;
using namespace vpnd::test;
using enum plan::Verdict;

namespace {

constexpr char kOtherVpn[] =
    "ip tuntap add dev wg0 mode tun\nip link set dev wg0 up\nip addr add 10.8.0.2/24 dev wg0\n";

std::string match(const std::string& text, const char* pattern) {
  std::smatch m;
  return std::regex_search(text, m, std::regex(pattern)) ? m[1].str() : std::string();
}

plan::ServerConfig server_at(const std::string& state) {
  plan::ServerConfig c = server_config(false);
  c.key = state + "/vpn.key";
  std::ofstream(c.key) << std::string(32, 'k');
  std::filesystem::permissions(c.key, std::filesystem::perms{0600});
  return c;
}

}  // namespace

Test(doctor, a_host_without_trouble_has_no_problem) {
  private_etc();
  std::ofstream("/etc/resolv.conf") << "nameserver 10.0.0.1\n";
  const Ward ward;
  for (const plan::Finding& f : ward.look()) {
    cr_assert_neq(f.verdict, problem, "%s: %s", f.id.c_str(), f.detail.c_str());
  }
}

Test(doctor, looking_changes_nothing) {
  Ward ward;
  ward.shell(
      "nft add table ip filter; nft 'add chain ip filter FORWARD { type filter hook forward "
      "priority 0; policy drop; }'\nip rule add fwmark 7 lookup 7 pref 100\n");
  ward.config = server_at(ward.places.state);
  const auto files = [&] {
    std::string all;
    for (const std::string& folder : {ward.places.state, ward.places.run}) {
      for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
        all += entry.path().string() + "\n";
      }
    }
    return all;
  };
  const std::string files_before = files();
  ward.ns.run([&] {
    const Snapshot before = Snapshot::take();
    const auto found = host::doctor({}, ward.config, ward.places);
    const Snapshot after = Snapshot::take();
    if (found.size() < 10) throw Error("examine enough");
    if (!(before == after)) throw Error("leave it alone: " + before.difference(after));
  });
  cr_assert_eq(files(), files_before);
}

// ---- chains that drop what is forwarded

Test(doctor, names_the_chain_that_drops_what_is_forwarded) {
  const Ward ward;
  expect(ward.look_at("conflicts.forward"), ok);
  ward.shell(
      "nft add table ip filter\n"
      "nft 'add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }'\n"
      "nft add chain ip filter DOCKER-USER\nnft add rule ip filter FORWARD jump DOCKER-USER\n");
  expect_cured(ward, "conflicts.forward", note, "chain FORWARD of table ip filter");
  cr_assert_neq(ward.look_at("conflicts.forward").detail.find("lets vpn0 pass"), std::string::npos);
}

Test(doctor, a_chain_that_its_server_opened_is_well) {
  Ward ward;
  ward.shell(
      "nft add table inet f; nft 'add chain inet f fwd0 { type filter hook forward priority 0; "
      "policy drop; }'\n");
  ward.config = server_at(ward.places.state);
  expect(ward.look_at("conflicts.forward"), note, "the server will let its own device pass");
  plan::Findings meanwhile;
  ward.ns.run([&] {
    const nl::Tun tun = nl::open_tun("vpn0");
    nl::Host host;
    host.note_in(ward.places.state, "vpn0");
    const plan::Plan plan = plan::plan_server(std::get<plan::ServerConfig>(*ward.config));
    const auto applied = host.apply(nl::lower(plan, host.facts_for(plan)));
    meanwhile = ward.look();
  });
  expect(Ward::worst(meanwhile, "conflicts.forward"), ok, "lets vpn0 pass");
  expect(Ward::worst(meanwhile, "leftovers.host"), ok);
}

// ---- other VPNs

Test(doctor, names_the_other_vpn_that_has_the_default_route) {
  const Ward ward;
  expect(ward.look_at("conflicts.default-route"), ok);
  ward.shell(std::string(kOtherVpn) + "ip route add default dev wg0 metric 5\n");
  expect_cured(ward, "conflicts.default-route", problem, "wg0 (tun)");
}

Test(doctor, names_the_other_vpn_that_has_two_halves_of_it) {
  const Ward ward;
  ward.shell(std::string(kOtherVpn) +
             "ip route add 0.0.0.0/1 dev wg0\nip route add 128.0.0.0/1 dev wg0\n");
  cr_assert_eq(ward.look_at("conflicts.default-route").commands.size(), 2u);
  expect_cured(ward, "conflicts.default-route", problem, "wg0 (tun)");
}

// As wg-quick does it.
Test(doctor, names_the_other_vpn_that_has_it_by_a_rule) {
  const Ward ward;
  ward.shell(std::string(kOtherVpn) +
             "ip route add default dev wg0 table 51820\n"
             "ip rule add not fwmark 51820 lookup 51820\n"
             "ip rule add lookup main suppress_prefixlength 0\n");
  expect(ward.look_at("conflicts.rules"), ok);
  expect_cured(ward, "conflicts.default-route", problem, "lookup 51820");
}

Test(doctor, names_a_rule_that_comes_before_ours) {
  const Ward ward;
  ward.shell("ip route add default via 10.0.0.1 table 77\nip rule add pref 5210 lookup 77\n");
  expect(ward.look_at("conflicts.default-route"), ok);
  expect_cured(ward, "conflicts.rules", problem, "rule 5210");
}

// Those that look at something else, and those that never give a default route, take nothing.
Test(doctor, other_rules_are_nobodys_concern) {
  const Ward ward;
  ward.shell(
      "ip route add default via 10.0.0.1 table 77\n"
      "ip rule add pref 5210 from 10.0.0.2 lookup 77\n"
      "ip rule add pref 5211 fwmark 9 lookup 77\n"
      "ip rule add pref 5212 iif eth0 lookup 77\n"
      "ip rule add pref 5213 lookup main suppress_prefixlength 0\n");
  for (const char* id : {"conflicts.rules", "conflicts.default-route", "conflicts.numbers"}) {
    expect(ward.look_at(id), ok);
  }
}

Test(doctor, names_who_uses_our_table_or_mark) {
  const Ward ward;
  ward.shell("ip route add 10.5.0.0/16 dev eth0 table 42069\n");
  expect_cured(ward, "conflicts.numbers", problem, "10.5.0.0/16");
  ward.shell("ip rule add pref 31000 fwmark 42069 lookup 9\n");
  plan::ClientConfig other = client_config();
  const plan::Finding f = ward.look_at("conflicts.numbers");
  expect(f, problem, "rule 31000");
  // The other way out.
  const auto number = static_cast<std::uint32_t>(std::stoul(match(f.advice, "table = ([0-9]+)")));
  other.table = Table{number};
  other.fwmark = Fwmark{number};
  Ward elsewhere;
  elsewhere.shell("ip rule add pref 31000 fwmark 42069 lookup 9\n");
  elsewhere.config = other;
  expect(elsewhere.look_at("conflicts.numbers"), ok);
  ward.follow(f);
  expect(ward.look_at("conflicts.numbers"), ok);
}

// ---- networks, names, ports

Test(doctor, names_a_local_network_that_overlaps_the_pool) {
  Ward ward;
  ward.shell(
      "ip addr add 192.168.200.7/20 dev eth0\nip addr add 10.73.1.1/16 dev eth0\n"
      "ip route add 10.74.0.0/16 via 10.0.0.1\n");
  expect(ward.look_at("conflicts.overlap"), problem, "192.168.192.0/20 on eth0 overlaps");
  auto config = server_at(ward.places.state);
  ward.config = config;
  const plan::Finding f = ward.look_at("conflicts.overlap");
  expect(f, problem, "192.168.192.0/24");
  const auto pool = Prefix::parse(match(f.advice, "pool = \"([0-9./]+)\""));
  cr_assert(pool.has_value(), "%s", f.advice.c_str());
  cr_assert_eq(pool->text(), "10.75.192.0/24", "neither connected nor routed");
  config.pool_v4 = *pool;
  ward.config = config;
  expect(ward.look_at("conflicts.overlap"), ok);
}

Test(doctor, names_an_interface_in_the_way) {
  Ward ward;
  ward.shell("ip link add vpn0 type veth peer name x0\n");
  expect(ward.look_at("conflicts.interface"), skipped, "not there");
  ward.config = client_config();
  const plan::Finding f = ward.look_at("conflicts.interface");
  expect(f, problem, "vpn0");
  ward.follow(f);
  expect(ward.look_at("conflicts.interface"), skipped, "not there");
}

Test(doctor, names_who_has_the_servers_port) {
  Ward ward;
  auto config = server_at(ward.places.state);
  ward.config = config;
  expect(ward.look_at("conflicts.port"), ok, "443");
  Fd listener;
  ward.ns.run([&] {
    listener.reset(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in6 any{};
    any.sin6_family = AF_INET6;
    any.sin6_port = htons(443);
    if (::bind(listener.get(), reinterpret_cast<sockaddr*>(&any), sizeof any) != 0 ||
        ::listen(listener.get(), 1) != 0) {
      throw Error("listen", errno);
    }
  });
  const plan::Finding f = ward.look_at("conflicts.port");
  expect(f, problem, "(process " + std::to_string(::getpid()) + ")");
  config.port = static_cast<std::uint16_t>(std::stoul(match(f.advice, "or ([0-9]+) as PORT")));
  ward.config = config;
  expect(ward.look_at("conflicts.port"), ok);
  config.port = 443;
  ward.config = config;
  listener.reset();
  expect(ward.look_at("conflicts.port"), ok);
}

// ---- leftovers

Test(doctor, names_what_a_killed_process_left) {
  private_etc();
  std::ofstream("/etc/resolv.conf") << "nameserver 10.0.0.1\n";
  const Ward ward;
  ward.shell("sysctl -q -w net/ipv4/conf/eth0/rp_filter=1\n");
  plan::Findings meanwhile;
  ward.ns.run([&] {
    const pid_t victim = child_that_stays([&] {
      nl::Tun tun = nl::open_tun("vpn0");
      (void)tun.fd.release();
      auto* host = new nl::Host;  // it goes with the process
      host->note_in(ward.places.state, "vpn0");
      auto config = client_config();
      config.keep_inbound = true;
      config.dns.servers = {address("192.168.192.254")};
      const plan::Plan plan = client_plan(config);
      auto* applied = new plan::Applied(host->apply(nl::lower(plan, host->facts_for(plan))));
      if (applied->size() == 0) throw Error("do anything");
    });
    meanwhile = ward.look();
    ::kill(victim, SIGKILL);
    ::waitpid(victim, nullptr, 0);
  });
  expect(Ward::worst(meanwhile, "leftovers.host"), ok);
  expect(Ward::worst(meanwhile, "leftovers.resolver"), ok);
  const plan::Finding left = ward.look_at("leftovers.host");
  expect(left, problem, "of vpn0");
  for (const char* part :
       {"rules", "routes", "1 nftables table", "the wall of vpn0", "1 setting"}) {
    expect(left, problem, part);
  }
  expect(ward.look_at("leftovers.resolver"), problem, "vpn0");
  ward.follow(left);
  expect(ward.look_at("leftovers.host"), ok);
  expect(ward.look_at("leftovers.resolver"), ok);
}

// The wall that "always" leaves on purpose is told from the rest.
Test(doctor, knows_a_wall_that_is_meant_to_stay) {
  Ward ward;
  ward.ns.run([&] {
    const pid_t victim = child_that_stays([&] {
      auto* host = new nl::Host;
      host->note_in(ward.places.state, "vpn0");
      auto config = client_config();
      config.kill_switch = plan::KillSwitch::always;
      const plan::Plan plan = plan::plan_client(config, {}, nullptr, plan::Posture::stopped);
      (void)new plan::Applied(host->apply(nl::lower(plan, host->facts())));
    });
    ::kill(victim, SIGKILL);
    ::waitpid(victim, nullptr, 0);
  });
  expect(ward.look_at("leftovers.host"), problem, "the wall of vpn0");
  auto config = client_config();
  config.kill_switch = plan::KillSwitch::always;
  ward.config = config;
  expect_cured(ward, "leftovers.host", note, "the wall of vpn0");
}
