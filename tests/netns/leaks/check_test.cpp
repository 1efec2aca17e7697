// SPDX-License-Identifier: ISC
// `vpnd check` against leaks that were made on purpose, one at a time. The client has no wall of
// its own there, but one of this test with one hole: without the hole the check finds nothing.

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <atomic>
#include <cctype>
#include <csignal>
#include <fstream>
#include <sstream>
#include <thread>

#include "linux/socket.h"
#include "tests/netns/leaks/leak_lab.h"
#include "tests/vectors/vectors.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

using Lines = std::vector<std::string>;

Finished check(LeakLab& l, Lines words = {}) {
  words.insert(words.begin(), "check");
  return l.lab.vpnd(l.lab.client(), "client0", words);
}

Lines leaks_in(const std::string& output) {
  std::istringstream in(output);
  Lines out;
  for (std::string line; std::getline(in, line);) {
    if (line.find("LEAK: ") != std::string::npos) out.push_back(line);
  }
  return out;
}

void nft(LeakLab& l, const std::string& text) {
  const std::string file = l.lab.directory() + "/rules.nft";
  std::ofstream(file) << text;
  const Finished made = run_program({"nft", "-f", file}, l.lab.client().fd());
  cr_assert_eq(made.status, 0, "%s%s", made.output.c_str(), text.c_str());
}

// What leaves by eth0 is the carrier, what finds neighbours, and what fits through the hole.
void wall_with_a_hole(LeakLab& l, const std::string& hole) {
  nft(l,
      "table inet test_wall\ndelete table inet test_wall\ntable inet test_wall {\n"
      "chain post { type filter hook postrouting priority 0;\n"
      "oifname != \"eth0\" accept\nmeta mark 42069 accept\n"
      "icmpv6 type { 133, 135, 136 } accept\n" +
          (hole.empty() ? hole : hole + " accept\n") + "drop\n}\n}\n");
}

struct Planted {
  LeakLab l{variant_program("nowall")};
  Finished found;

  explicit Planted(const std::string& hole, const Lines& settings = {}) {
    l.start();
    wall_with_a_hole(l, hole);
    for (const std::string& words : settings) cr_assert(l.ip(words), "%s", words.c_str());
    found = check(l);
  }

  // Leaks of these ways and of no others.
  void found_by(const Lines& ways) {
    const Lines leaks = leaks_in(found.output);
    cr_assert_eq(found.status, 3, "%d %s", found.status, found.output.c_str());
    cr_assert_neq(found.output.find("\nleak: "), std::string::npos);
    for (const std::string& way : ways) {
      const auto begins = [&](const std::string& line) { return line.find(way) == 2; };
      cr_assert(std::ranges::any_of(leaks, begins), "%s is not in\n%s", way.c_str(),
                found.output.c_str());
    }
    for (const std::string& line : leaks) {
      const auto begins = [&](const std::string& way) { return line.find(way) == 2; };
      cr_assert(std::ranges::any_of(ways, begins), "%s", line.c_str());
    }
  }
};

// A resolver of this host that has a way of its own past the tunnel, and renames what it asks.
class Stub {
 public:
  explicit Stub(const Namespace& ns) : thread_([this, &ns] { ns.run([this] { serve(); }); }) {}
  ~Stub() {
    stop_ = true;
    thread_.join();
  }

 private:
  void serve() {
    const Fd in(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const Fd out(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ::setsockopt(out.get(), SOL_SOCKET, SO_BINDTODEVICE, "eth0", 5);
    const timeval limit{0, 50000};
    ::setsockopt(in.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    sockaddr_storage own{}, there{};
    const auto size =
        static_cast<socklen_t>(nl::to_sockaddr(*Endpoint::parse("127.0.0.53:53"), own));
    nl::to_sockaddr(*Endpoint::parse("10.71.1.1:5300"), there);
    ::bind(in.get(), reinterpret_cast<sockaddr*>(&own), size);
    while (!stop_) {
      char query[512];
      const auto n = ::recv(in.get(), query, sizeof query, 0);
      for (ssize_t i = 12; i < n; i += 2) {
        query[i] = static_cast<char>(std::toupper(static_cast<unsigned char>(query[i])));
      }
      if (n > 0) {
        (void)::sendto(out.get(), query, static_cast<std::size_t>(n), 0,
                       reinterpret_cast<sockaddr*>(&there), size);
      }
    }
  }
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace

Test(leaks_check, a_running_client_is_clean_and_nothing_stays) {
  LeakLab l;
  l.start();
  cr_assert(l.leaked().empty());
  const Snapshot before = l.lab.snapshot(l.lab.client());
  const Finished found = check(l);
  cr_assert_eq(found.status, 0, "%s", found.output.c_str());
  cr_assert(found.output.starts_with("vpn0  up, kill switch on; watched: eth0\n"), "%s",
            found.output.c_str());
  cr_assert(found.output.ends_with("\nclean: nothing left past the tunnel\n"));
  for (const char* part :
       {"look-up at 10.71.1.1 by UDP (gateway)", "look-up at fd71:1::1 by TCP", "bound to eth0",
        "from 10.71.1.2", "from fd71:1::2", "as root", "  tunnel\n", "  refused: "}) {
    cr_assert_neq(found.output.find(part), std::string::npos, "%s in %s", part,
                  found.output.c_str());
  }
  // The frame that proves the watch is all that left.
  const std::string frames = l.leaked();
  cr_assert_eq(frames, "1 frames\ntype 88b5\n", "%s", frames.c_str());
  const Snapshot after = l.lab.snapshot(l.lab.client());
  cr_assert(after == before, "%s", before.difference(after).c_str());
}

Test(leaks_check, clean_without_a_session_and_under_a_strict_filter) {
  LeakLab l;
  l.filter_strictly("all");
  l.start();
  cr_assert_eq(check(l).status, 0);
  l.stop_server();
  const Finished found = check(l);
  cr_assert_eq(found.status, 0, "%s", found.output.c_str());
}

Test(leaks_check, clean_before_the_first_session) {
  LeakLab l;
  Child client = l.lab.begin_client(0, {}, l.lab.key(), Lab::kServer);
  Finished found;
  const auto asked = [&] { return (found = check(l)).status != 3; };
  cr_assert(eventually(asked), "%s", found.output.c_str());
  cr_assert_eq(found.status, 0, "%s", found.output.c_str());
  cr_assert_eq(found.output.find("vpn0  up, "), std::string::npos, "%s", found.output.c_str());
  cr_assert_eq(found.output.find("  tunnel\n"), std::string::npos, "%s", found.output.c_str());
}

Test(leaks_check, json_for_programs) {
  LeakLab l;
  l.start();
  const Finished found = check(l, {"--json", "vpn0"});
  cr_assert_eq(found.status, 0, "%s", found.output.c_str());
  const auto j = Value::parse(found.output);
  cr_assert_eq(j.at("schema").text(), "vpnd.check/1");
  cr_assert_eq(j.at("interface").text(), "vpn0");
  cr_assert_eq(j.at("verdict").text(), "clean");
  cr_assert_eq(j.at("watched").size(), 1u);
  cr_assert_gt(j.at("ways").size(), 40u);
  std::size_t tunnel = 0;
  for (const Value& way : j.at("ways")) tunnel += way.at("result").text() == "tunnel" ? 1u : 0u;
  cr_assert_gt(tunnel, 10u, "%s", found.output.c_str());
}

// What is meant to leave is no leak, and is said to be untried.
Test(leaks_check, a_server_that_is_excluded_or_on_the_private_network) {
  LeakLab l;
  l.start_server();
  l.start_client({"--exclude", "203.0.113.0/24"});
  const Finished excluded = check(l);
  cr_assert_eq(excluded.status, 0, "%s", excluded.output.c_str());
  cr_assert_neq(excluded.output.find("not tried: the server 203.0.113.2: "), std::string::npos,
                "%s", excluded.output.c_str());
  l.client().signal(SIGTERM);
  cr_assert_eq(l.client().wait(), 0);
  Lines words = {vpnd_program(), "server"};
  for (const std::string& w : l.lab.places("near")) words.push_back(w);
  words.insert(words.end(), {l.lab.key(), "auto", "443", "vpns"});
  Child near(words, l.lab.router().fd());
  cr_assert(near.says("ready"), "%s", near.output().c_str());
  const Child client = l.lab.start_client(0, {}, l.lab.key(), "10.71.1.1");
  const Finished close = check(l);
  cr_assert_eq(close.status, 0, "%s", close.output.c_str());
  cr_assert_neq(close.output.find("not tried: the server 10.71.1.1: "), std::string::npos, "%s",
                close.output.c_str());
}

// The control of all that follow.
Test(leaks_check, no_hole_no_leak) {
  Planted p("");
  cr_assert_eq(p.found.status, 0, "%s", p.found.output.c_str());
  cr_assert_neq(p.found.output.find("datagram to 192.0.2."), std::string::npos);
}

Test(leaks_check, a_rule_past_the_tunnel) {
  Planted p("ip daddr 192.0.2.0/24", {"rule add pref 100 to 128.0.0.0/1 lookup main"});
  p.found_by({"datagram to 192.0.2.", "connection to 192.0.2."});
  cr_assert_eq(leaks_in(p.found.output).size(), 12u, "%s", p.found.output.c_str());
}

Test(leaks_check, a_route_without_a_gateway_shows_by_the_question_for_its_neighbour) {
  Planted p("ip daddr 192.0.2.0/24", {"route add 192.0.2.0/24 dev eth0",
                                      "rule add pref 100 to 192.0.2.0/24 ipproto tcp lookup main"});
  p.found_by({"connection to 192.0.2.", "datagram to 192.0.2."});
  cr_assert_neq(p.found.output.find("ARP for 192.0.2."), std::string::npos, "%s",
                p.found.output.c_str());
}

Test(leaks_check, a_rule_past_the_tunnel_v6) {
  Planted p("ip6 daddr 2001:db8::/32", {"-6 rule add pref 100 to ::/1 lookup main"});
  p.found_by({"datagram to [2001:db8:", "connection to [2001:db8:"});
  cr_assert_eq(leaks_in(p.found.output).size(), 12u, "%s", p.found.output.c_str());
}

Test(leaks_check, look_ups_by_udp) {
  Planted v4("ip daddr 10.71.1.1 udp dport 53");
  v4.found_by({"look-up at 10.71.1.1 by UDP (gateway)", "look-up at 10.71.1.1 by UDP, bound to"});
  wall_with_a_hole(v4.l, "ip6 daddr fd71:1::1 udp dport 53");
  v4.found = check(v4.l);
  v4.found_by({"look-up at fd71:1::1 by UDP (gateway)", "look-up at fd71:1::1 by UDP, bound to"});
}

Test(leaks_check, look_ups_by_tcp_and_tls) {
  Planted p("ip daddr 10.71.1.1 tcp dport 53");
  p.found_by({"look-up at 10.71.1.1 by TCP (gateway)", "look-up at 10.71.1.1 by TCP, bound to"});
  wall_with_a_hole(p.l, "ip daddr 10.71.1.1 tcp dport 853");
  p.found = check(p.l);
  p.found_by({"look-up by TLS at 10.71.1.1 (gateway)"});
}

Test(leaks_check, a_resolver_of_this_host_that_goes_past_the_tunnel) {
  LeakLab l(variant_program("nowall"));
  l.start();
  wall_with_a_hole(l, "udp dport 5300");
  const Stub stub(l.lab.client());
  const std::string file = l.lab.directory() + "/resolv.conf";
  std::ofstream(file) << "nameserver 127.0.0.53\n";
  Lines words = {"unshare",
                 "--mount",
                 "sh",
                 "-c",
                 "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"",
                 file,
                 vpnd_program(),
                 "check"};
  for (const std::string& w : l.lab.places("client0")) words.push_back(w);
  const Finished found = run_program(words, l.lab.client().fd());
  const Lines leaks = leaks_in(found.output);
  cr_assert_eq(found.status, 3, "%s", found.output.c_str());
  cr_assert_eq(leaks.size(), 1u, "%s", found.output.c_str());
  cr_assert_eq(leaks[0].find("  look-up at 127.0.0.53 by UDP (resolver file)"), 0u);
  cr_assert_neq(leaks[0].find("UDP to 10.71.1.1:5300 left by eth0"), std::string::npos);
}

Test(leaks_check, bound_sockets) {
  Planted p("ip daddr 192.0.2.0/24 udp dport 443");
  const Lines leaks = leaks_in(p.found.output);
  cr_assert_eq(p.found.status, 3, "%s", p.found.output.c_str());
  cr_assert_eq(leaks.size(), 1u, "%s", p.found.output.c_str());
  cr_assert_neq(leaks[0].find(":443, bound to eth0"), std::string::npos, "%s", leaks[0].c_str());
}

Test(leaks_check, bound_addresses) {
  Planted p("ip daddr 192.0.2.0/24 ip saddr 10.71.1.2 udp dport 443",
            {"rule add pref 100 from 10.71.1.2 lookup main"});
  const Lines leaks = leaks_in(p.found.output);
  cr_assert_eq(p.found.status, 3, "%s", p.found.output.c_str());
  const auto from = [](const std::string& line) {
    return line.find(":443, from 10.71.1.2") != std::string::npos;
  };
  cr_assert(std::ranges::any_of(leaks, from), "%s", p.found.output.c_str());
  cr_assert_eq(leaks.size(), 2u, "and the one that is bound to the device: %s",
               p.found.output.c_str());
}

Test(leaks_check, the_servers_own_address) {
  const std::string connection = "connection to 203.0.113.2:443";
  const std::string rule = "rule add pref 100 to 203.0.113.2 lookup main";
  Planted p("ip daddr 203.0.113.2 tcp dport 443", {rule});
  p.found_by({connection + " (", connection + ", as root ("});
}

// Rules may tell users apart, and so do the canaries.
Test(leaks_check, the_servers_own_address_for_some_users_only) {
  const std::string connection = "connection to 203.0.113.2:443";
  for (const bool root : {true, false}) {
    const std::string who = root ? "0-0" : "65534-65534";
    Planted p("ip daddr 203.0.113.2 tcp dport 443",
              {"rule add pref 100 uidrange " + who + " to 203.0.113.2 lookup main"});
    p.found_by({connection + (root ? ", as root (" : " (")});
  }
}

Test(leaks_check, connections_alone) {
  Planted p("ip daddr 192.0.2.0/24 tcp dport 443",
            {"rule add pref 100 to 192.0.2.0/24 ipproto tcp lookup main"});
  p.found_by({"connection to 192.0.2."});
}

// Without a wall bound sockets pass, as the manual says; so do look-ups at the router.
Test(leaks_check, a_client_whose_kill_switch_is_off) {
  LeakLab l;
  l.start_server();
  l.start_client({"--kill-switch", "off"});
  const Finished found = check(l);
  cr_assert_eq(found.status, 3, "%s", found.output.c_str());
  cr_assert(found.output.starts_with("vpn0  up, kill switch off; "), "%s", found.output.c_str());
  bool bound = false;
  for (const std::string& line : leaks_in(found.output)) {
    bound = bound || line.find(":443, bound to eth0") != std::string::npos;
    cr_assert_eq(line.find("the tunnel's server"), std::string::npos, "%s", line.c_str());
  }
  cr_assert(bound, "%s", found.output.c_str());
}

// Somebody else translates what leaves: it is known again all the same.
Test(leaks_check, translated_on_its_way_out) {
  LeakLab l(variant_program("nowall"));
  l.start();
  nft(l,
      "table ip test_nat { chain out { type nat hook output priority -100;\n"
      "ip daddr 192.0.2.0/24 tcp dport 443 dnat to 10.71.1.1\n}\n}\n");
  wall_with_a_hole(l, "ip daddr 10.71.1.1 tcp dport 443");
  const Finished found = check(l);
  cr_assert_eq(found.status, 3, "%s", found.output.c_str());
  cr_assert_neq(found.output.find("TCP to 10.71.1.1:443 left by eth0"), std::string::npos, "%s",
                found.output.c_str());
}

// What cannot be seen must never be called clean.
Test(leaks_check, a_device_that_cannot_be_watched) {
  LeakLab l;
  l.start();
  nft(l,
      "table netdev test_blind { chain out { type filter hook egress device \"eth0\" "
      "priority 0;\nether type 0x88b5 drop\n}\n}\n");
  const Finished found = check(l);
  cr_assert_eq(found.status, 71, "%d %s", found.status, found.output.c_str());
  cr_assert(found.output.starts_with("vpnd: cannot watch eth0"), "%s", found.output.c_str());
  cr_assert_eq(found.output.find("clean"), std::string::npos);
}

Test(leaks_check, without_a_client_or_the_right_to_look) {
  LeakLab l;
  const Finished none = check(l);
  cr_assert_eq(none.status, 3);
  cr_assert_eq(none.output, "vpnd: no tunnel runs\n", "%s", none.output.c_str());
  l.start();
  const Finished other = check(l, {"vpn7"});
  cr_assert_eq(other.status, 3);
  cr_assert_eq(other.output, "vpnd: no tunnel \"vpn7\" runs\n", "%s", other.output.c_str());
  Lines words = {"setpriv", "--bounding-set", "-net_raw", vpnd_program(), "check"};
  for (const std::string& w : l.lab.places("client0")) words.push_back(w);
  const Finished refused = run_program(words, l.lab.client().fd());
  cr_assert_eq(refused.status, 77, "%d %s", refused.status, refused.output.c_str());
  cr_assert(refused.output.starts_with("vpnd: cannot watch the network: "), "%s",
            refused.output.c_str());
  const Finished server = l.lab.vpnd(l.lab.server(), "server", {"check"});
  cr_assert_eq(server.status, 64);
  cr_assert_neq(server.output.find("is a server"), std::string::npos, "%s", server.output.c_str());
}
