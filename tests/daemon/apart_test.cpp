// SPDX-License-Identifier: ISC
// A server turns forwarding on, and yet does not become a router between its own networks.

#include <criterion/criterion.h>

#include <csignal>
#include <fstream>

#include "tests/daemon/lab.h"
#include "tests/daemon/traffic.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

constexpr char kRouter4[] = "203.0.113.1", kRouter6[] = "2001:db8:3::1";

void set(const Namespace& ns, const std::string& key, int value) {
  ns.run([&] { std::ofstream("/proc/sys/net/" + key) << value; });
}

int setting(const Namespace& ns, const std::string& key) {
  int value = -1;
  ns.run([&] { std::ifstream("/proc/sys/net/" + key) >> value; });
  return value;
}

void ip(const Namespace& ns, std::vector<std::string> words) {
  words.insert(words.begin(), "ip");
  const Finished f = run_program(words, ns.fd());
  cr_assert_eq(f.status, 0, "%s", f.output.c_str());
}

// Router and target take the server for their gateway to each other.
struct Neighbours {
  Lab lab;
  Neighbours() {
    ip(lab.router(), {"route", "add", "198.51.100.0/24", "via", Lab::kServer});
    ip(lab.router(), {"-6", "route", "add", "2001:db8:5::/64", "via", "2001:db8:3::2"});
    ip(lab.target(), {"route", "add", "default", "via", "198.51.100.1"});
    ip(lab.target(), {"-6", "route", "add", "default", "via", "2001:db8:5::1"});
    // Without link-local addresses a router cannot ask for those whom it does not know.
    for (const char* far : {Lab::kTarget4, Lab::kTarget6, kRouter4, kRouter6}) {
      cr_assert(lab.ping(lab.server(), far), "%s", far);
    }
  }
  void forward(int value) const {
    for (const char* name : {"eth0", "eth1"}) {
      set(lab.server(), std::string("ipv4/conf/") + name + "/forwarding", value);
    }
    set(lab.server(), "ipv6/conf/all/forwarding", value);
  }
  bool v4() const { return lab.ping(lab.router(), Lab::kTarget4, 1); }
  bool v6() const { return lab.ping(lab.router(), Lab::kTarget6, 1); }
  bool back() const {
    return lab.ping(lab.target(), kRouter4, 1) || lab.ping(lab.target(), kRouter6, 1);
  }
  void closed(const char* when) const {
    cr_assert_not(v4(), "%s: v4", when);
    cr_assert_not(v6(), "%s: v6", when);
    cr_assert_not(back(), "%s: the other way", when);
  }
  std::string table() const {
    return run_program({"nft", "list", "table", "inet", "vpnd_vpns"}, lab.server().fd()).output;
  }
  void forwards_v4() const {
    for (const char* name : {"eth0", "eth1"}) {
      cr_assert_eq(setting(lab.server(), std::string("ipv4/conf/") + name + "/forwarding"), 1);
    }
  }
};

}  // namespace

Test(apart, no_routing_that_was_not_there_before) {
  Neighbours n;
  const Responder target(n.lab.target(), kPort);
  n.closed("before");
  n.forward(1);
  cr_assert(n.v4() && n.v6() && n.back(), "the control: nothing else is in the way");
  n.forward(0);
  n.closed("switched off again");

  Child server = n.lab.start_server();
  Child client = n.lab.start_client();
  n.forwards_v4();
  n.closed("while the server runs");
  cr_assert(n.lab.ping(n.lab.client(), Lab::kTarget4), "tunnel, v4");
  cr_assert(n.lab.ping(n.lab.client(), Lab::kTarget6), "tunnel, v6");
  cr_assert(tcp_echo(n.lab.client(), kTarget4, kPort));
  const std::string table = n.table();
  cr_assert(table.find("did not forward before: eth0") != std::string::npos, "%s", table.c_str());
}

Test(apart, a_router_stays_one) {
  Neighbours n;
  n.forward(1);
  Child server = n.lab.start_server();
  cr_assert(n.v4(), "v4\n%s", n.table().c_str());
  cr_assert(n.v6(), "v6\n%s", n.table().c_str());
  cr_assert(n.back(), "the other way\n%s", n.table().c_str());
}

Test(apart, a_network_that_comes_later_is_none_of_our_business) {
  Neighbours n;
  Child server = n.lab.start_server();
  const Namespace guest;
  join(n.lab.server(), "late0", {"10.88.0.1/24"}, guest, "eth0", {"10.88.0.2/24"});
  ip(n.lab.router(), {"route", "add", "10.88.0.0/24", "via", Lab::kServer});
  ip(guest, {"route", "add", "default", "via", "10.88.0.1"});
  cr_assert_not(n.lab.ping(guest, kRouter4, 1), "nobody made it forward yet");
  set(n.lab.server(), "ipv4/conf/late0/forwarding", 1);
  cr_assert(n.lab.ping(guest, kRouter4), "from it");
  cr_assert(n.lab.ping(n.lab.router(), "10.88.0.2"), "to it");
  n.closed("the others");
}

// What the first one turned on, the second one found on.
Test(apart, the_second_of_two_servers_knows_what_was_before_the_first) {
  Neighbours n;
  const Responder target(n.lab.target(), kPort);
  const std::string config = n.lab.directory() + "/second.toml";
  std::ofstream(config) << "version = 1\nmode = \"server\"\n[identity]\nkey = \"" << n.lab.key()
                        << "\"\n[interface]\nname = \"vpnt\"\n[server]\nlisten = "
                           "[\"0.0.0.0:444\"]\npool = \"10.55.0.0/24\"\npool6 = \"off\"\n";
  Child first = n.lab.start_server();
  std::vector<std::string> words = {vpnd_program(), "run"};
  for (const auto& w : n.lab.places("server")) words.push_back(w);
  words.push_back(config);
  Child second(words, n.lab.server().fd());
  cr_assert(second.says("ready"), "%s", second.output().c_str());
  n.closed("with two");
  {
    Child client = n.lab.start_client();
    cr_assert(tcp_echo(n.lab.client(), kTarget4, kPort), "the first one's clients suffer");
  }
  first.signal(SIGTERM);
  cr_assert_eq(first.wait(), 0, "%s", first.output().c_str());
  n.forwards_v4();
  n.closed("with the second alone");
  second.signal(SIGTERM);
  cr_assert_eq(second.wait(), 0, "%s", second.output().c_str());
  cr_assert_eq(setting(n.lab.server(), "ipv4/conf/eth0/forwarding"), 0);
}
