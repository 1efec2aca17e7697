// SPDX-License-Identifier: ISC
// A local network that is the attacker's, by its own means: a real DHCP server with classless
// routes (RFC 3442) against a real DHCP client, and router advertisements with more specific routes
// (RFC 4191). Nothing leaks, and the traffic still goes through the tunnel.

#include <criterion/criterion.h>
#include <fmt/format.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <csignal>
#include <cstring>
#include <fstream>

#include "tests/netns/leaks/leak_lab.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

bool has_route(LeakLab& l, const std::string& family, const std::string& to) {
  const Finished f = l.lab.try_ip(l.lab.client(), family + " route show " + to);
  return !f.output.empty();
}

// ---- DHCP

// All of them hold the target; by the gateway, and without one.
constexpr const char* kHostileOption =
    "121,0.0.0.0/0,10.71.1.1,128.0.0.0/1,10.71.1.1,198.0.0.0/9,10.71.1.1,"
    "198.51.100.0/24,0.0.0.0,198.51.100.2/32,10.71.1.1";

struct DhcpServer {
  Child dnsmasq;
  DhcpServer(LeakLab& l, const std::string& from, const std::string& gateway,
             const std::string& option)
      : dnsmasq({"dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--port=0", "--user=root",
                 "--pid-file=", "--leasefile-ro", "--dhcp-authoritative", "--log-dhcp",
                 "--interface=c0", "--bind-interfaces", "--no-ping", "--dhcp-option=" + option,
                 "--dhcp-option=3," + gateway, fmt::format("--dhcp-range={0}.50,{0}.60,2m", from)},
                l.lab.router().fd()) {
    cr_assert(dnsmasq.says("DHCP, IP range"), "%s", dnsmasq.output().c_str());
  }
};

// With an /etc of its own: its script writes the resolver file.
struct DhcpClient {
  std::string directory = temporary_directory();
  Child dhclient;
  explicit DhcpClient(LeakLab& l)
      : dhclient({"unshare", "--mount", "--propagation", "private", "sh", "-ec",
                  "cp -a /etc/dhcp /etc/passwd /etc/group /etc/hosts \"$1\"\n"
                  "touch \"$1/resolv.conf\"\n"
                  "mount --bind \"$1\" /etc\n"
                  "exec dhclient -d -1 -v -lf /etc/leases -pf /etc/pid eth0",
                  "sh", directory},
                 l.lab.client().fd()) {
    cr_assert(dhclient.says("bound to"), "%s", dhclient.output().c_str());
  }
  void stop() {
    dhclient.signal(SIGKILL);
    dhclient.wait();
  }
};

void forget_the_address(LeakLab& l) {
  cr_assert(l.ip("-4 addr flush dev eth0"));
}

}  // namespace

Test(leaks_lan, dhcp_with_routes_before_connecting) {
  LeakLab l;
  forget_the_address(l);
  const DhcpServer server(l, "10.71.1", "10.71.1.1", kHostileOption);
  const DhcpClient client(l);
  for (const char* to : {"128.0.0.0/1", "198.0.0.0/9", "198.51.100.0/24", "198.51.100.2/32"}) {
    cr_assert(has_route(l, "-4", to), "the attack did not take place: %s", to);
  }
  l.start();
  cr_assert(l.through(l.target4, 10));
  clean(l, "routes before connecting");
}

Test(leaks_lan, dhcp_with_routes_while_connected) {
  LeakLab l;
  forget_the_address(l);
  {
    const DhcpServer honest(l, "10.71.1", "10.71.1.1", "3,10.71.1.1");
    DhcpClient client(l);
    l.start();
    client.stop();
  }
  const DhcpServer hostile(l, "10.71.1", "10.71.1.1", kHostileOption);
  const DhcpClient client(l);
  cr_assert(has_route(l, "-4", "198.51.100.2/32"), "the attack did not take place");
  cr_assert(eventually([&] { return l.through(l.target4, 1); }, 10));
  cr_assert(l.through(l.target4, 10) && l.through(l.target6, 10));
  clean(l, "routes while connected");
  l.stop_server();
  l.probe(l.target4, LeakLab::kPort);
  l.start_server();
  cr_assert(eventually([&] { return l.through(l.target4, 1); }, 10));
  clean(l, "reconnected");
}

// The attack is one: rules that look into the main table first, as others have them, fall for it.
Test(leaks_lan, the_same_routes_work_against_other_rules) {
  LeakLab l(variant_program("nowall"));
  l.start();
  cr_assert(l.ip("rule add pref 100 table main suppress_prefixlength 0"));
  cr_assert(l.ip("-6 rule add pref 100 table main suppress_prefixlength 0"));
  l.probe(l.target4, LeakLab::kPort);
  l.probe(l.target6, LeakLab::kPort);
  clean(l, "those rules alone");
  forget_the_address(l);
  const DhcpServer hostile(l, "10.71.1", "10.71.1.1", kHostileOption);
  const DhcpClient client(l);
  l.probe(l.target4, LeakLab::kPort);
  cr_assert(eventually([&] { return l.frames() > 0; }, 2));
}

// A lease in somebody else's network would make all of that network look local.
Test(leaks_lan, dhcp_with_a_public_lease) {
  LeakLab l;
  run_program({"ip", "addr", "add", "8.8.8.8/32", "dev", "lo"}, l.lab.target().fd());
  run_program({"ip", "route", "add", "8.8.8.0/24", "via", "198.51.100.2"}, l.lab.server().fd());
  run_program({"ip", "addr", "add", "8.8.8.1/24", "dev", "c0"}, l.lab.router().fd());
  forget_the_address(l);
  const DhcpServer server(l, "8.8.8", "8.8.8.1", "3,8.8.8.1");
  const DhcpClient client(l);
  // The transport's answers come back by the router; the server must not look for them elsewhere.
  run_program({"ip", "route", "add", "8.8.8.48/28", "via", "203.0.113.1"}, l.lab.server().fd());
  l.start();
  cr_assert(tcp_echo(l.lab.client(), Address::v4(8, 8, 8, 8), LeakLab::kPort));
  clean(l, "a public lease");
}

// ---- router advertisements

namespace {

void put(std::vector<std::uint8_t>& to, std::initializer_list<int> bytes) {
  for (const int b : bytes) to.push_back(static_cast<std::uint8_t>(b));
}
void put_address(std::vector<std::uint8_t>& to, const char* text) {
  const Address a = Address::parse(text).value();
  to.insert(to.end(), a.bytes().begin(), a.bytes().end());
}

// RFC 4861, 4.2: a default router of high preference, a prefix that is said to be on the link, and
// route information (RFC 4191, 2.3).
std::vector<std::uint8_t> advertisement() {
  std::vector<std::uint8_t> out;
  put(out, {134, 0, 0, 0, 64, 0x08, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0});
  put(out, {3, 4, 64, 0x80, 0, 0, 0x07, 0x08, 0, 0, 0x07, 0x08, 0, 0, 0, 0});
  put_address(out, "2001:db8:5::");
  for (const auto& [prefix, length] : {std::pair{"::", 1}, {"2001:db8:5::2", 128}}) {
    put(out, {24, 3, length, 0x08, 0, 0, 0x07, 0x08});
    put_address(out, prefix);
  }
  return out;
}

// By the router, from the link-local address that hosts demand.
void advertise(LeakLab& l) {
  l.lab.client().run([] {
    // As network managers set it; the kernel's own default does not look at such routes.
    std::ofstream("/proc/sys/net/ipv6/conf/eth0/accept_ra_rt_info_max_plen") << 128;
  });
  (void)l.lab.try_ip(l.lab.router(), "-6 addr add fe80::1/64 dev c0 nodad");
  l.lab.router().run([] {
    const Fd fd(::socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6));
    const int hops = 255, index = static_cast<int>(::if_nametoindex("c0"));
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof hops);
    sockaddr_in6 from{}, to{};
    from.sin6_family = to.sin6_family = AF_INET6;
    from.sin6_scope_id = to.sin6_scope_id = static_cast<std::uint32_t>(index);
    const auto copy = [](const char* text, in6_addr& into) {
      const Address a = Address::parse(text).value();
      std::memcpy(&into, a.bytes().data(), sizeof into);
    };
    copy("fe80::1", from.sin6_addr);
    copy("ff02::1", to.sin6_addr);
    const auto message = advertisement();
    const auto* source = reinterpret_cast<const sockaddr*>(&from);
    const auto* all = reinterpret_cast<const sockaddr*>(&to);
    cr_assert(eventually([&] { return ::bind(fd.get(), source, sizeof from) == 0; }));
    cr_assert_eq(::sendto(fd.get(), message.data(), message.size(), 0, all, sizeof to),
                 static_cast<ssize_t>(message.size()));
  });
  for (const char* route : {"::/1", "2001:db8:5::/64", "2001:db8:5::2"}) {
    cr_assert(eventually([&] { return has_route(l, "-6", route); }),
              "the attack did not take place: %s", route);
  }
}

}  // namespace

Test(leaks_lan, advertised_routes_before_connecting) {
  LeakLab l;
  advertise(l);
  l.start();
  cr_assert(l.through(l.target6, 10));
  clean(l, "advertised before");
}

Test(leaks_lan, advertised_routes_while_connected_and_reconnecting) {
  LeakLab l;
  l.start();
  advertise(l);
  cr_assert(l.through(l.target6, 10) && l.through(l.target4, 10));
  clean(l, "advertised while connected");
  l.stop_server();
  advertise(l);
  l.probe(l.target6, LeakLab::kPort);
  clean(l, "advertised while the server is away");
  l.start_server();
  cr_assert(eventually([&] { return l.through(l.target6, 1); }, 10));
  clean(l, "reconnected");
}
