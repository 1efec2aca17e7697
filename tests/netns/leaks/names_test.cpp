// SPDX-License-Identifier: ISC
// The look-up of the server's own name is the one that may pass the wall: marked, at the host's own
// resolver, for that name, and only while there is no session.

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include "linux/socket.h"
#include "tests/netns/leaks/leak_lab.h"
#include "tests/support/private_etc.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

using namespace std::chrono_literals;

constexpr char kName[] = "gate.example";
const Address kResolver = Address::v4(10, 71, 1, 1);

// What a program with our mark might send; without it see LeakLab::probe().
void send_marked(LeakLab& l, const Endpoint& to, int type) {
  l.lab.client().run([&] {
    const Fd fd(::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const auto mark = static_cast<std::uint32_t>(kDefaultFwmark);
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_MARK, &mark, sizeof mark) != 0) return;
    sockaddr_storage there{};
    const auto size = static_cast<socklen_t>(nl::to_sockaddr(to, there));
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&there), size) == 0) {
      for (int i = 0; i < 3; ++i) (void)::send(fd.get(), "leak?", 5, 0);
    }
  });
}

struct Bench {
  LeakLab& l;
  Child resolver, server, client;

  explicit Bench(LeakLab& lab)
      : l(lab),
        resolver(l.lab.start_resolver(kName, Lab::kServer)),
        server(l.lab.start_server()),
        client(begin()) {}
  Child begin() {
    std::ofstream("/etc/resolv.conf") << "nameserver 10.71.1.1\n";
    l.admit_look_ups(kResolver, kName);
    Child out = l.lab.start_client(0, {}, {}, kName);
    (void)l.frames();
    return out;
  }
  void lose() {
    server.signal(SIGKILL);
    server.wait();
    cr_assert(client.says("session lost", 5), "%s", client.output().c_str());
    std::this_thread::sleep_for(200ms);  // until the keeper knows
  }
};

void all_that_stays_shut(LeakLab& l) {
  for (const char* device : {"", "eth0"}) l.probe(kResolver, 53, device);
  // The local network is open but for names.
  for (const auto port : std::to_array<std::uint16_t>({853, 5353}))
    send_marked(l, {kResolver, port}, SOCK_DGRAM);
  send_marked(l, {kResolver, 53}, SOCK_STREAM);
  send_marked(l, {Address::v4(10, 71, 1, 77), 53}, SOCK_DGRAM);
  for (const auto port : std::to_array<std::uint16_t>({53, 54})) {
    send_marked(l, {Address::v4(203, 0, 113, 1), port}, SOCK_DGRAM);
  }
}

}  // namespace

TestSuite(leaks_names, .init = private_etc);

Test(leaks_names, while_reconnecting_nothing_else_passes) {
  only_the_wall_holds([](LeakLab& l) {
    Bench b(l);
    b.lose();
    for (int i = 0; i < 20; ++i) {
      all_that_stays_shut(l);
      std::this_thread::sleep_for(150ms);
    }
  });
}

Test(leaks_names, the_name_is_asked_for_while_reconnecting_and_never_while_up) {
  LeakLab l;
  Bench b(l);
  cr_assert_eq(l.look_ups(), 0u);
  send_marked(l, {kResolver, 53}, SOCK_DGRAM);
  all_that_stays_shut(l);
  clean(l, "up");
  b.lose();
  std::this_thread::sleep_for(2500ms);
  clean(l, "no session");
  // The way is there: with the mark, to that port of that address.
  send_marked(l, {kResolver, 53}, SOCK_DGRAM);
  cr_assert(eventually([&] { return l.frames() > 0; }, 2), "nobody could ask");
  std::this_thread::sleep_for(3s);
  cr_assert_gt(l.look_ups(), 0u, "%s", b.client.output().c_str());
  b.server = l.lab.start_server();
  cr_assert(b.client.says("reconnected", 10), "%s", b.client.output().c_str());
  std::this_thread::sleep_for(200ms);
  (void)l.frames();
  send_marked(l, {kResolver, 53}, SOCK_DGRAM);
  all_that_stays_shut(l);
  std::this_thread::sleep_for(2s);
  clean(l, "up again");
  cr_assert_eq(l.look_ups(), 0u);
}

Test(leaks_names, an_address_opens_no_resolver) {
  LeakLab l;
  std::ofstream("/etc/resolv.conf") << "nameserver 10.71.1.1\n";
  l.start();
  l.stop_server();
  for (int i = 0; i < 15; ++i) {
    send_marked(l, {kResolver, 53}, SOCK_DGRAM);
    all_that_stays_shut(l);
    std::this_thread::sleep_for(150ms);
  }
  clean(l, "an address");
}

// Behind the wall of a killed client the name is asked for with the mark alone.
Test(leaks_names, a_start_behind_a_wall) {
  LeakLab l;
  Bench b(l);
  const auto engines = Lab::children(b.client.pid());
  b.client.signal(SIGKILL);
  b.client.wait();
  for (const pid_t engine : engines) ::kill(engine, SIGKILL);
  all_that_stays_shut(l);
  send_marked(l, {kResolver, 53}, SOCK_DGRAM);
  clean(l, "killed");
  b.client = l.lab.begin_client(0, {}, l.lab.key(), kName);
  for (int i = 0; i < 20; ++i) {
    all_that_stays_shut(l);
    std::this_thread::sleep_for(20ms);
  }
  cr_assert(b.client.says("connected,", 10), "%s", b.client.output().c_str());
  clean(l, "started");
}
