// SPDX-License-Identifier: ISC
// The one hole in the wall, for the carrier: a mark, an address, a protocol and a port open it
// together, and whoever names the server (TunnelCrack's ServerIP) opens nothing for others.

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <sstream>
#include <thread>

#include "linux/socket.h"
#include "tests/netns/leaks/leak_lab.h"
#include "tests/support/private_etc.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

const Address kServer = Address::parse(Lab::kServer).value();

// One packet with our mark, by a socket of root's own.
void send_marked(LeakLab& l, const Endpoint& to, int type) {
  l.lab.client().run([&] {
    const Fd fd(::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const auto mark = static_cast<std::uint32_t>(kDefaultFwmark);
    cr_assert_eq(::setsockopt(fd.get(), SOL_SOCKET, SO_MARK, &mark, sizeof mark), 0);
    sockaddr_storage there{};
    const socklen_t size = static_cast<socklen_t>(nl::to_sockaddr(to, there));
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&there), size) == 0) {
      (void)::send(fd.get(), "leak?", 5, 0);
    }
  });
}

void opens_nothing(const Endpoint& to, int type) {
  only_the_wall_holds([&](LeakLab& l) {
    l.start();
    send_marked(l, to, type);
  });
}

// Starts a connection from that port as a user without any privilege.
void connect_as_nobody(LeakLab& l, const Address& to, std::uint16_t port, std::uint16_t from) {
  l.lab.client().run([&] {
    in_child([&] {
      become_nobody();
      const Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      sockaddr_in here{};
      here.sin_family = AF_INET;
      here.sin_port = htons(from);
      sockaddr_storage there{};
      const socklen_t size = static_cast<socklen_t>(nl::to_sockaddr({to, port}, there));
      if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0) return 1;
      (void)::connect(fd.get(), reinterpret_cast<const sockaddr*>(&there), size);
      return 0;
    });
  });
}

// Frames on the uplink of a connection of root's own to the server's address and port, without the
// mark. Under a strict filter there is a rule that sends it there. The watch of the lab takes it
// for the carrier; this one knows the other end.
std::uint64_t unmarked_to_the_server(LeakLab& l) {
  constexpr std::uint16_t kFrom = 55556;
  l.filter_strictly();
  l.start();
  std::unique_ptr<demo::Watch> watch;
  l.lab.router().run([&] {
    watch = std::make_unique<demo::Watch>("c0", Endpoint{Address::v4(10, 71, 1, 2), kFrom});
  });
  l.lab.client().run([&] {
    const Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_storage here{}, there{};
    const auto own = static_cast<socklen_t>(nl::to_sockaddr({Address{}, kFrom}, here));
    const auto size = static_cast<socklen_t>(nl::to_sockaddr({kServer, 443}, there));
    cr_assert_eq(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&here), own), 0);
    (void)::connect(fd.get(), reinterpret_cast<const sockaddr*>(&there), size);
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  return watch->take().tunnel;
}

std::uint64_t sent_into_the_tunnel(LeakLab& l) {
  std::uint64_t count = 0;
  l.lab.client().run([&] {
    std::ifstream file("/proc/thread-self/net/dev");
    for (std::string line; std::getline(file, line);) {
      if (line.find("vpn0:") == std::string::npos) continue;
      std::istringstream words(line.substr(line.find(':') + 1));
      for (int i = 0; i < 10; ++i) words >> count;  // the tenth is packets sent
    }
  });
  return count;
}

}  // namespace

Test(leaks_server, the_mark_does_not_open_another_port) {
  opens_nothing({kServer, 444}, SOCK_STREAM);
}
Test(leaks_server, the_mark_does_not_open_another_protocol) {
  opens_nothing({kServer, 443}, SOCK_DGRAM);
}
Test(leaks_server, the_mark_does_not_open_another_address) {
  opens_nothing({Address::parse("203.0.113.1").value(), 443}, SOCK_STREAM);
}

Test(leaks_server, without_the_mark_the_servers_own_port_is_shut) {
  {
    LeakLab with;
    cr_assert_eq(unmarked_to_the_server(with), 0u);
  }
  LeakLab without(variant_program("nowall"));
  cr_assert_gt(unmarked_to_the_server(without), 0u, "it does not take the wall to hold this");
}

// With a strict reverse path filter there is a rule for the server's address; it is root's alone.
Test(leaks_server, a_users_connection_to_the_same_port_goes_through_the_tunnel) {
  constexpr std::uint16_t kFrom = 55555;
  LeakLab l;
  l.filter_strictly();
  l.start();
  // The watch of the lab takes anything to that port for the carrier; these know the other end.
  std::vector<std::unique_ptr<demo::Watch>> watches;
  l.lab.router().run([&] {
    for (const char* own : {"10.71.1.2", "192.168.192.1"}) {
      const Endpoint end{Address::parse(own).value(), kFrom};
      watches.push_back(std::make_unique<demo::Watch>("c0", end));
    }
  });
  const std::uint64_t before = sent_into_the_tunnel(l);
  connect_as_nobody(l, kServer, 443, kFrom);
  cr_assert(eventually([&] { return sent_into_the_tunnel(l) > before; }, 3));
  for (const auto& watch : watches) cr_assert_eq(watch->take().tunnel, 0u);
  // The watches do see such a connection: root's own by the uplink, where nothing else is in force.
  l.client().signal(SIGTERM);
  cr_assert_eq(l.client().wait(5), 0);
  connect_as_nobody(l, kServer, 443, kFrom);
  cr_assert(eventually([&] { return watches[0]->take().tunnel > 0; }, 3));
}

// The local network's resolver answers the look-up of the server's name with a victim's address.
Test(leaks_server, a_spoofed_name_costs_the_connection_and_nothing_else) {
  const Address victim = Address::v4(8, 8, 8, 8);
  LeakLab l(vpnd_program(), {victim, 443});
  const Child resolver = l.lab.start_resolver("server.example", "8.8.8.8");
  private_etc();
  std::ofstream("/etc/resolv.conf") << "nameserver 10.71.1.1\n";
  Child client = l.lab.begin_client(0, {}, l.lab.key(), "server.example");
  const auto stands = [&] { return l.lab.try_ip(l.lab.client(), "link show vpn0").status == 0; };
  cr_assert(eventually(stands, 10), "%s", client.output().c_str());
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  (void)l.frames();  // the look-up of the name, before the wall
  l.admit_look_ups(Address::v4(10, 71, 1, 1), "server.example");  // and those behind it
  for (const int port : {443, 80, 53}) {
    connect_as_nobody(l, victim, static_cast<std::uint16_t>(port), 0);
    l.probe(victim, port, "eth0");
  }
  l.probe(victim, 80);
  clean(l, "a spoofed name");
  cr_assert_eq(client.output().find("is up"), std::string::npos);
}
