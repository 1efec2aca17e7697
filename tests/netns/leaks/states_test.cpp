// SPDX-License-Identifier: ISC
// Fail closed in every state and on the way from each to the next.

#include <criterion/criterion.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <set>
#include <thread>

#include "linux/nft.h"
#include "linux/rtnl.h"
#include "linux/socket.h"
#include "tests/netns/leaks/leak_lab.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

using namespace std::chrono_literals;

// The full figures take half an hour: VPND_FULL=1 and a --timeout of 1000.
int cycles() {
  return full_figures() ? 100 : 10;
}
std::chrono::seconds absence() {
  return full_figures() ? 300s : 20s;
}

// Whatever a program might try, bound to the uplink too.
void try_everything(LeakLab& l) {
  for (const char* device : {"", "eth0"}) {
    l.probe(l.target4, LeakLab::kPort, device);
    l.probe(l.target6, LeakLab::kPort, device);
  }
  l.probe(Address::v4(10, 71, 1, 1), 53);
}

bool works(LeakLab& l) {
  return l.through(l.target4, 1) && l.through(l.target6, 1);
}

// Datagrams without a pause, in the client's namespace.
class Sender {
 public:
  Sender(LeakLab& l, const Endpoint& to, const std::string& device = {})
      : thread_([this, &l, to, device] { l.lab.client().run([&] { run(to, device); }); }) {}
  ~Sender() { stop(); }
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;
  void stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  // Once it has stopped.
  std::uint64_t sent = 0, refused = 0;

 private:
  void run(const Endpoint& to, const std::string& device) {
    const Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!device.empty()) {
      ::setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, device.c_str(),
                   static_cast<socklen_t>(device.size() + 1));
    }
    sockaddr_storage there{};
    const auto size = static_cast<socklen_t>(nl::to_sockaddr(to, there));
    while (!stop_) {
      const auto n = ::sendto(fd.get(), "page", 4, 0, reinterpret_cast<sockaddr*>(&there), size);
      ++(n == 4 ? sent : refused);
    }
  }

  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// By a network that comes and goes, and a session that ends and comes again.
void swap_walls(LeakLab& l) {
  std::set<bool> walls;
  for (int i = 0; i < 10; ++i) {
    if (i % 2 == 0) cr_assert(l.ip("addr add 10.99.0.1/24 dev eth0"));
    if (i % 2 == 1) cr_assert(l.ip("addr del 10.99.0.1/24 dev eth0"));
    if (i == 4) l.stop_server();
    if (i == 6) l.start_server();
    std::this_thread::sleep_for(300ms);
    const Finished now = run_program({"nft", "-a", "list", "ruleset"}, l.lab.client().fd());
    walls.insert(now.output.find("10.99.0.0/24") != std::string::npos);
  }
  cr_assert_eq(walls.size(), 2u, "the wall did not change");
  cr_assert(eventually([&] { return works(l); }, 10));
}

}  // namespace

Test(leaks_states, server_gone_and_back) {
  LeakLab l;
  l.start();
  l.stop_server();
  const auto until = std::chrono::steady_clock::now() + absence();
  while (std::chrono::steady_clock::now() < until) {
    try_everything(l);
    std::this_thread::sleep_for(100ms);
  }
  clean(l, "server gone");
  l.start_server();
  cr_assert(eventually([&] { return works(l); }, 10));
  clean(l, "server back");
}

Test(leaks_states, reconnects) {
  LeakLab l;
  l.start();
  for (int i = 0; i < cycles(); ++i) {
    l.stop_server();
    try_everything(l);
    l.start_server();
    try_everything(l);
    cr_assert(eventually([&] { return works(l); }, 10), "%s", l.client().output().c_str());
  }
  clean(l, "reconnects");
}

Test(leaks_states, dead_engines) {
  LeakLab l;
  l.start();
  for (int i = 0; i < cycles(); ++i) {
    for (const pid_t engine : Lab::children(l.client().pid())) kill(engine, SIGKILL);
    try_everything(l);
    cr_assert(eventually([&] { return works(l); }, 15), "%s", l.client().output().c_str());
  }
  clean(l, "engines");
}

Test(leaks_states, killed_then_started_then_cleaned_up) {
  LeakLab l;
  const Snapshot before = l.lab.snapshot(l.lab.client());
  l.start();
  l.kill_client();
  for (int i = 0; i < 10; ++i) {
    try_everything(l);
    std::this_thread::sleep_for(50ms);
  }
  clean(l, "killed");
  l.start_client();
  try_everything(l);
  cr_assert(eventually([&] { return works(l); }, 10));
  clean(l, "started again");
  l.kill_client();
  try_everything(l);
  clean(l, "killed again");
  const Finished cleanup = l.lab.vpnd(l.lab.client(), "client0", {"cleanup"});
  cr_assert_eq(cleanup.status, 0, "%s", cleanup.output.c_str());
  const Snapshot after = l.lab.snapshot(l.lab.client());
  cr_assert(before == after, "%s", before.difference(after).c_str());
  l.probe(l.target4, LeakLab::kPort);
  cr_assert(eventually([&] { return l.frames() > 0; }, 2), "the host's own traffic flows again");
}

Test(leaks_states, a_flushed_ruleset_and_flushed_rules) {
  LeakLab l;
  l.start();
  run_program({"nft", "flush", "ruleset"}, l.lab.client().fd());
  try_everything(l);
  clean(l, "flush ruleset");
  // With them go those of the main table: the rest of the test gives them back.
  cr_assert(l.ip("rule flush") && l.ip("-6 rule flush"));
  for (int i = 0; i < 10; ++i) {
    try_everything(l);
    std::this_thread::sleep_for(20ms);
  }
  clean(l, "rules flushed");
  for (const char* family : {"-4", "-6"}) {
    (void)l.ip(std::string(family) + " rule add pref 32766 table main");
  }
  cr_assert(eventually([&] { return works(l); }, 10), "%s", l.client().output().c_str());
  clean(l, "rules back");
}

Test(leaks_states, link_down_and_up) {
  LeakLab l;
  l.start();
  for (int i = 0; i < 3; ++i) {
    cr_assert(l.ip("link set eth0 down"));
    try_everything(l);
    cr_assert(l.ip("link set eth0 up"));
    try_everything(l);
    cr_assert(l.ip("route add default via 10.71.1.1"));
    (void)l.ip("-6 addr add fd71:1::2/64 dev eth0 nodad");
    (void)l.ip("-6 route add default via fd71:1::1");
    try_everything(l);
    cr_assert(eventually([&] { return works(l); }, 15), "%s", l.client().output().c_str());
  }
  clean(l, "link down and up");
}

// The device comes again, and leaves no gap; more often than that in a while would be a fight.
Test(leaks_states, the_device_is_deleted) {
  LeakLab l;
  l.start();
  for (int round = 0; round < cycles() / 5; ++round) {
    if (round > 0) std::this_thread::sleep_for(2500ms);
    cr_assert(l.ip("link del vpn0"));
    for (int i = 0; i < 10; ++i) {
      try_everything(l);
      std::this_thread::sleep_for(20ms);
    }
    cr_assert(eventually([&] { return works(l); }, 10), "%s", l.client().output().c_str());
  }
  clean(l, "device deleted");
}

// The wall is swapped, never removed: what it lets through before and after is never refused.
Test(leaks_states, a_swap_refuses_nothing_that_both_allow) {
  LeakLab l;
  l.start();
  Sender printing(l, {Address::v4(10, 71, 1, 1), 9100});
  swap_walls(l);
  printing.stop();
  fmt::print(stderr, "{} datagrams while the wall was swapped, {} refused\n", printing.sent,
             printing.refused);
  cr_assert_gt(printing.sent, 1000u);
  cr_assert_eq(printing.refused, 0u, "of %lu", static_cast<unsigned long>(printing.sent));
}

// And what it refuses before and after never gets out.
Test(leaks_states, a_swap_lets_nothing_out_that_both_refuse) {
  LeakLab l;
  l.start();
  Sender bound(l, {l.target4, LeakLab::kPort}, "eth0");
  swap_walls(l);
  bound.stop();
  cr_assert_gt(bound.sent + bound.refused, 1000u);
  clean(l, "while it is swapped");
}

// Who is killed on the way out leaves a wall, and no hole.
Test(leaks_states, at_the_end_the_wall_goes_last) {
  LeakLab l;
  l.start();
  // So slow with each request that what stands in between can be seen.
  Child slow({"strace", "-o", "/dev/null", "-p", std::to_string(l.client().pid()), "-e",
              "trace=sendto", "-e", "inject=sendto:delay_enter=20000"});
  cr_assert(slow.says("attached"), "%s", slow.output().c_str());
  l.client().signal(SIGTERM);
  bool gone = false;
  std::size_t rules_left = 0;
  l.lab.client().run([&] {
    nl::NftSocket nft;
    nl::Netlink rt;
    const auto until = std::chrono::steady_clock::now() + 5s;
    while (!gone && std::chrono::steady_clock::now() < until) {
      gone = !nl::wall_present(nft, "vpn0");
    }
    const auto ours = [](const auto& rule) { return rule.protocol == kRouteProtocol; };
    rules_left = static_cast<std::size_t>(std::ranges::count_if(nl::rules(rt, Family::v4), ours));
  });
  cr_assert(gone);
  cr_assert_eq(rules_left, 0u, "the wall went before the routing");
}

Test(leaks_states, always_holds_after_a_clean_stop_and_a_kill) {
  LeakLab l;
  const Snapshot before = l.lab.snapshot(l.lab.client());
  l.start_server();
  l.start_client({"--kill-switch", "always"});
  l.client().signal(SIGTERM);
  cr_assert_eq(l.client().wait(5), 0, "%s", l.client().output().c_str());
  try_everything(l);
  clean(l, "stopped");
  l.start_client({"--kill-switch", "always"});
  try_everything(l);
  l.client().signal(SIGTERM);
  l.client().wait(5);
  clean(l, "started and stopped");
  l.start_client({"--kill-switch", "always"});
  l.kill_client();
  try_everything(l);
  clean(l, "killed");
  cr_assert_eq(l.lab.vpnd(l.lab.client(), "client0", {"cleanup"}).status, 0);
  const Snapshot after = l.lab.snapshot(l.lab.client());
  cr_assert(before == after, "%s", before.difference(after).c_str());
}

// "session" holds as long as we live, and leaves the host usable however we end.
Test(leaks_states, session_ends_with_the_process) {
  LeakLab l;
  l.start_server();
  l.start_client({"--kill-switch", "session"});
  try_everything(l);
  clean(l, "while it runs");
  l.kill_client();
  const Finished tables = run_program({"nft", "list", "tables"}, l.lab.client().fd());
  cr_assert(tables.output.find("vpnd") == std::string::npos, "%s", tables.output.c_str());
  std::this_thread::sleep_for(50ms);
  (void)l.frames();
  l.probe(l.target4, LeakLab::kPort);
  cr_assert(eventually([&] { return l.frames() > 0; }, 2), "the host's traffic is stuck");
}

Test(leaks_states, off_is_off) {
  LeakLab l;
  l.start_server();
  l.start_client({"--kill-switch", "off"});
  cr_assert(l.leaked().empty());
  l.probe(l.target4, LeakLab::kPort, "eth0");
  cr_assert(eventually([&] { return l.frames() > 0; }, 2), "something still refuses it");
}
