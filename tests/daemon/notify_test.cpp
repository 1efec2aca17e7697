// SPDX-License-Identifier: ISC
// What a service manager hears of a tunnel, and when it hears nothing.

#include <criterion/criterion.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <csignal>

#include "tests/daemon/lab.h"
#include "tests/daemon/manager.h"
#include "tests/daemon/traffic.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

constexpr unsigned kPatience = 400'000;  // of the watchdog, in microseconds

pid_t engine_of(const Child& keeper) {
  const auto below = Lab::children(keeper.pid());
  cr_assert_eq(below.size(), 1, "%zu processes below the keeper", below.size());
  return below.front();
}

// So many more ticks, within several times the patience.
bool ticks(const Manager& manager, std::size_t more) {
  return manager.hears("WATCHDOG=1", manager.heard("WATCHDOG=1") + more, 5);
}

}  // namespace

Test(notify, a_server_is_ready_when_it_listens) {
  Lab lab;
  Manager manager(lab.directory());
  Child server = manager.start(lab.server_file(""), lab.server().fd());
  cr_assert(manager.hears("READY=1"), "%s", server.output().c_str());
  cr_assert(connected_socket(lab.client(), *Address::parse(Lab::kServer), 443, SOCK_STREAM));
  cr_assert_eq(manager.status(), "waiting for clients");
  server.signal(SIGTERM);
  cr_assert_eq(server.wait(), 0);
  cr_assert(manager.hears("STOPPING=1"));
  cr_assert_eq(manager.heard("READY=1"), 1);
}

// Without a server: from then on nothing leaves past the tunnel, and the network may come later.
Test(notify, a_client_is_ready_when_its_wall_stands) {
  Lab lab;
  Manager manager(lab.directory());
  Child client = manager.start(lab.client_file(""), lab.client().fd());
  cr_assert(manager.hears("READY=1"), "%s", client.output().c_str());
  cr_assert_not(lab.ping(lab.client(), "203.0.113.1", 1), "there is no wall yet");
  cr_assert(eventually([&] { return manager.status() == "connecting to 203.0.113.2"; }));
  const Child server = lab.start_server();
  cr_assert(
      eventually([&] { return manager.status().starts_with("connected to 203.0.113.2"); }, 15),
      "%s", manager.status().c_str());
  cr_assert(eventually([&] { return manager.status().find(", rtt ") != std::string::npos; }, 10),
            "%s", manager.status().c_str());
}

Test(notify, a_hung_engine_stops_the_ticks) {
  Lab lab;
  Manager manager(lab.directory());
  manager.watchdog = kPatience;
  Child server = manager.start(lab.server_file(""), lab.server().fd());
  cr_assert(manager.hears("READY=1"), "%s", server.output().c_str());
  cr_assert(ticks(manager, 3), "it does not tick");
  const pid_t engine = engine_of(server);
  ::kill(engine, SIGSTOP);
  // An answer that was on its way may still come.
  const std::size_t before = manager.heard("WATCHDOG=1") + 1;
  cr_assert_not(manager.hears("WATCHDOG=1", before + 1, 4 * kPatience / 1e6),
                "it ticks without its engine");
  // The keeper itself answers all the while.
  const Finished status = lab.vpnd(lab.server(), "server", {"status"});
  cr_assert_eq(status.status, 0, "%s", status.output.c_str());
  ::kill(engine, SIGCONT);
  cr_assert(ticks(manager, 3), "it never ticks again");
}

Test(notify, a_hung_keeper_stops_the_ticks) {
  Lab lab;
  Manager manager(lab.directory());
  manager.watchdog = kPatience;
  Child server = manager.start(lab.server_file(""), lab.server().fd());
  cr_assert(ticks(manager, 3), "it does not tick");
  server.signal(SIGSTOP);
  const std::size_t before = manager.heard("WATCHDOG=1") + 1;
  cr_assert_not(manager.hears("WATCHDOG=1", before + 1, 4 * kPatience / 1e6));
  server.signal(SIGCONT);
  cr_assert(ticks(manager, 3));
}

Test(notify, another_engine_ticks_as_well) {
  Lab lab;
  Manager manager(lab.directory());
  manager.watchdog = kPatience;
  Child server = manager.start(lab.server_file(""), lab.server().fd());
  cr_assert(ticks(manager, 2));
  ::kill(engine_of(server), SIGKILL);
  cr_assert(ticks(manager, 3), "%s", server.output().c_str());
}

Test(notify, a_reload_is_told) {
  Lab lab;
  Manager manager(lab.directory());
  Child server = manager.start(lab.server_file(""), lab.server().fd());
  cr_assert(manager.hears("READY=1"));
  server.signal(SIGHUP);
  cr_assert(manager.hears("RELOADING=1"));
  cr_assert(manager.hears("READY=1", 2));
  // Also when the file is not taken.
  (void)lab.server_file("max_clients = \"many\"");
  server.signal(SIGHUP);
  cr_assert(manager.hears("RELOADING=1", 2));
  cr_assert(manager.hears("READY=1", 3));
}

// Its address is the unit's, and the configuration's port is nobody's.
Test(notify, a_socket_unit_is_listened_on) {
  constexpr std::uint16_t kUnitPort = 8443;
  Lab lab;
  Manager manager(lab.directory());
  manager.unit_sockets.push_back(bound_socket(lab.server(), kUnitPort, SOCK_STREAM));
  Child server = manager.start(lab.server_file(""), lab.server().fd());
  cr_assert(manager.hears("READY=1"), "%s", server.output().c_str());
  const Address there = *Address::parse(Lab::kServer);
  cr_assert_not(connected_socket(lab.client(), there, 443, SOCK_STREAM));
  const auto kept = manager.kept();
  cr_assert(std::ranges::find(kept, "vpnd-listener") == kept.end(), "it is kept twice");
  std::vector<std::string> words = {vpnd_program(), "client"};
  for (const auto& w : lab.places("client0")) words.push_back(w);
  words.insert(words.end(), {lab.key(), Lab::kServer, std::to_string(kUnitPort), "vpn0"});
  Child client(words, lab.client().fd());
  cr_assert(client.says("connected,"), "%s\n%s", client.output().c_str(), server.output().c_str());
  cr_assert(lab.ping(lab.client(), Lab::kTarget4));
}
