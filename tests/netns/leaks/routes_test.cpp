// SPDX-License-Identifier: ISC
// Routes and addresses that somebody on the local network hands out (TunnelVision, TunnelCrack):
// nothing leaks, and the traffic still goes through the tunnel.

#include <criterion/criterion.h>
#include <fmt/format.h>

#include "tests/netns/leaks/leak_lab.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

// All of them hold the target.
const std::vector<std::string> kRoutes4 = {"128.0.0.0/1", "198.0.0.0/9", "198.51.100.0/24",
                                           "198.51.100.2/32"};
const std::vector<std::string> kRoutes6 = {"::/1", "2001:db8:5::/64", "2001:db8:5::2/128"};

// As a DHCP server's option 121 and a router advertisement's route information option make them.
std::vector<std::string> hostile_routes() {
  std::vector<std::string> out;
  for (const auto& r : kRoutes4) {
    out.push_back(fmt::format("route add {} via 10.71.1.1 proto dhcp", r));
    out.push_back(fmt::format("route add {} dev eth0 scope link metric 5 proto dhcp", r));
  }
  for (const auto& r : kRoutes6) {
    out.push_back(fmt::format("-6 route add {} via fd71:1::1 proto ra", r));
    out.push_back(fmt::format("-6 route add {} dev eth0 metric 5 proto ra", r));
  }
  return out;
}

}  // namespace

Test(leaks_routes, pushed_after_connecting) {
  LeakLab l;
  l.start();
  for (const std::string& route : hostile_routes()) {
    cr_assert(l.ip(route), "%s", route.c_str());
    cr_assert(l.through(l.target4, 2) && l.through(l.target6, 2), "%s", route.c_str());
    clean(l, route);
  }
}

Test(leaks_routes, there_before_connecting) {
  LeakLab l;
  for (const std::string& route : hostile_routes()) cr_assert(l.ip(route), "%s", route.c_str());
  l.start();
  clean(l, "before");
}

Test(leaks_routes, pushed_while_reconnecting) {
  LeakLab l;
  l.start();
  l.stop_server();
  for (const std::string& route : hostile_routes()) {
    cr_assert(l.ip(route), "%s", route.c_str());
    l.probe(l.target4, LeakLab::kPort);
    l.probe(l.target6, LeakLab::kPort);
  }
  clean(l, "while the server was away");
  l.start_server();
  cr_assert(eventually([&] { return l.through(l.target4, 1); }, 10));
  cr_assert(l.through(l.target4) && l.through(l.target6));
  clean(l, "after");
}

// A lease in a network that is somebody else's makes all of it look local.
Test(leaks_routes, a_public_lease) {
  for (const bool before : {true, false}) {
    LeakLab l;
    run_program({"ip", "addr", "add", "8.8.8.8/32", "dev", "lo"}, l.lab.target().fd());
    run_program({"ip", "route", "add", "8.8.8.0/24", "via", "198.51.100.2"}, l.lab.server().fd());
    if (before) cr_assert(l.ip("addr add 8.8.8.1/24 dev eth0"));
    l.start();
    if (!before) cr_assert(l.ip("addr add 8.8.8.1/24 dev eth0"));
    cr_assert(tcp_echo(l.lab.client(), Address::v4(8, 8, 8, 8), LeakLab::kPort), "before: %d",
              before);
    clean(l, "a public lease");
  }
}

Test(leaks_routes, a_public_lease_v6) {
  for (const bool before : {true, false}) {
    LeakLab l;
    l.lab.ip(l.lab.target(), "-6 addr add 2001:db8:8::8/128 dev lo nodad");
    l.lab.ip(l.lab.server(), "-6 route add 2001:db8:8::/64 via 2001:db8:5::2");
    const char* lease = "-6 addr add 2001:db8:8::1/64 dev eth0 nodad";
    if (before) cr_assert(l.ip(lease));
    l.start();
    if (!before) cr_assert(l.ip(lease));
    const Address there = Address::parse("2001:db8:8::8").value();
    cr_assert(tcp_echo(l.lab.client(), there, LeakLab::kPort), "before: %d", before);
    clean(l, "a public lease");
  }
}

// Whoever answers the look-up of the server's name names a victim: its other ports, and what other
// programs send to the very same port, are no part of the tunnel.
Test(leaks_routes, the_servers_own_address) {
  LeakLab l;
  l.start();
  const Address server = Address::parse(Lab::kServer).value();
  for (const int port : {443, 80, 53}) l.probe(server, port);
  clean(l, "to the server's address");
}

Test(leaks_routes, the_servers_own_address_under_a_strict_filter) {
  LeakLab l;
  l.filter_strictly();
  l.filter_strictly("all");
  l.start();
  // As root, whose look-up there goes past the tunnel: the wall refuses it.
  const Address server = Address::parse(Lab::kServer).value();
  for (const int port : {443, 80}) l.probe(server, port);
  cr_assert(l.leaked().empty());
  l.stop_server();
  l.start_server();
  cr_assert(eventually([&] { return l.through(l.target4, 1); }, 10));
}
