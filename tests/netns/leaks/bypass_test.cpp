// SPDX-License-Identifier: ISC
// What routes cannot stop: bound sockets, look-ups at the local network's resolver, containers.
// Each runs once more without the wall and must leak there, or the test would prove nothing.

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <thread>

#include "tests/netns/leaks/leak_lab.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

const Address kRouter4 = Address::v4(10, 71, 1, 1);
const Address kRouter6 = Address::parse("fd71:1::1").value();

// Rules outlive a killed process; an administrator who removes them opens the routes.
void forget_rules(LeakLab& l) {
  for (const char* family : {"-4", "-6"}) {
    while (l.ip(std::string(family) + " rule del pref 30001")) {
    }
  }
}

struct Container {
  Namespace inside;
  explicit Container(LeakLab& l) {
    join(l.lab.client(), "ct0", {"172.30.0.1/24", "fd99::1/64"}, inside, "eth0",
         {"172.30.0.2/24", "fd99::2/64"});
    run_program({"ip", "route", "add", "default", "via", "172.30.0.1"}, inside.fd());
    run_program({"ip", "-6", "route", "add", "default", "via", "fd99::1"}, inside.fd());
    l.lab.client().run([] {
      std::ofstream("/proc/sys/net/ipv4/ip_forward") << "1";
      std::ofstream("/proc/sys/net/ipv6/conf/all/forwarding") << "1";
    });
  }
};

}  // namespace

Test(leaks_bypass, bound_sockets) {
  only_the_wall_holds([](LeakLab& l) {
    l.start();
    l.probe(l.target4, LeakLab::kPort, "eth0");
    l.probe(l.target6, LeakLab::kPort, "eth0");
  });
}

// What DHCP and the search for neighbours need is no more than they need.
Test(leaks_bypass, by_ports_of_dhcp_and_by_icmp) {
  only_the_wall_holds([](LeakLab& l) {
    l.start();
    l.probe(l.target4, 67, "eth0");
    l.probe(l.target6, 547, "eth0");
    for (const Address& target : {l.target4, l.target6}) {
      (void)run_program({"ping", "-n", "-c", "1", "-W", "1", "-I", "eth0", target.text()},
                        l.lab.client().fd());
    }
  });
}

// The wall's own hook for the host's packets still sees the tunnel's device by then; that they
// leave by another one is known only where they leave.
Test(leaks_bypass, what_another_program_marks_as_ours) {
  only_the_wall_holds([](LeakLab& l) {
    l.start();
    const Finished marks = run_program(
        {"nft",
         "table inet other { chain out { type route hook output priority -150; "
         "udp dport 7000 meta mark set 42069; tcp dport 7000 meta mark set 42069; }; }"},
        l.lab.client().fd());
    cr_assert_eq(marks.status, 0, "%s", marks.output.c_str());
    l.probe(l.target4, LeakLab::kPort);
    l.probe(l.target6, LeakLab::kPort);
  });
}

Test(leaks_bypass, what_another_program_sends_to_another_address) {
  only_the_wall_holds([](LeakLab& l) {
    l.start();
    const Finished sends =
        run_program({"nft",
                     "table inet other { chain out { type nat hook output priority -100; "
                     "ip daddr 198.51.100.2 dnat ip to 203.0.113.1; "
                     "ip6 daddr 2001:db8:5::2 dnat ip6 to 2001:db8:3::1; }; }"},
                    l.lab.client().fd());
    cr_assert_eq(sends.status, 0, "%s", sends.output.c_str());
    l.probe(l.target4, LeakLab::kPort, "eth0");
    l.probe(l.target6, LeakLab::kPort, "eth0");
  });
}

Test(leaks_bypass, look_ups_at_the_local_resolver) {
  only_the_wall_holds([](LeakLab& l) {
    l.start("push_dns = \"198.51.100.2\"");
    for (const int port : {53, 853, 5353}) {
      l.probe(kRouter4, port);
      l.probe(kRouter4, port, "eth0");
      l.probe(kRouter6, port);
    }
  });
}

Test(leaks_bypass, look_ups_are_answered_through_the_tunnel_instead) {
  LeakLab l;
  const Responder resolver(l.lab.target(), 53);
  Container c(l);
  l.start("push_dns = [\"198.51.100.2\", \"2001:db8:5::2\"]");
  for (const Address& local : {kRouter4, kRouter6}) {
    const std::string name = local.text();
    cr_assert(udp_echo(l.lab.client(), local, 53), "%s by UDP", name.c_str());
    cr_assert(tcp_echo(l.lab.client(), local, 53, 600), "%s by TCP", name.c_str());
    cr_assert(udp_echo(c.inside, local, 53), "%s, of a container", name.c_str());
  }
  const std::string leaks = l.leaked();
  cr_assert(leaks.empty(), "%s", leaks.c_str());
}

Test(leaks_bypass, a_container_goes_through_the_tunnel) {
  LeakLab l;
  Container c(l);
  l.start();
  cr_assert(udp_echo(c.inside, l.target4, LeakLab::kPort));
  cr_assert(tcp_echo(c.inside, l.target4, LeakLab::kPort, 50000));
  cr_assert(udp_echo(c.inside, l.target6, LeakLab::kPort));
  const std::string leaks = l.leaked();
  cr_assert(leaks.empty(), "%s", leaks.c_str());
}

Test(leaks_bypass, a_container_when_all_is_dead_and_the_rules_are_gone) {
  only_the_wall_holds([](LeakLab& l) {
    Container c(l);
    l.start();
    l.kill_client();
    forget_rules(l);
    l.probe_from(c.inside, l.target4, LeakLab::kPort);
    l.probe_from(c.inside, l.target6, LeakLab::kPort);
  });
}

Test(leaks_bypass, when_all_is_dead_and_the_rules_are_gone) {
  only_the_wall_holds([](LeakLab& l) {
    l.start();
    l.kill_client();
    forget_rules(l);
    l.probe(l.target4, LeakLab::kPort);
    l.probe(l.target6, LeakLab::kPort);
    l.probe(kRouter4, 53);
  });
}

Test(leaks_bypass, before_the_first_session) {
  only_the_wall_holds([](LeakLab& l) {
    Child client = l.lab.begin_client(0, {}, l.lab.key(), Lab::kServer);
    const auto stands = [&] {
      return Lab::children(client.pid()).size() == 1 && l.ip("link show vpn0");
    };
    cr_assert(eventually(stands));
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    (void)l.frames();
    l.probe(l.target4, LeakLab::kPort);
    l.probe(l.target6, LeakLab::kPort);
    l.probe(kRouter4, 53);
  });
}

// Refused, not dropped: a program learns of it at once.
Test(leaks_bypass, who_is_refused_hears_of_it) {
  LeakLab l;
  l.start();
  int tcp = 0, udp = 0;
  l.lab.client().run([&] {
    const auto bound = [](int type) {
      Fd fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
      const timeval limit{3, 0};
      ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
      ::setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, "eth0", 5);
      return fd;
    };
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(LeakLab::kPort);
    ::inet_pton(AF_INET, Lab::kTarget4, &to.sin_addr);
    const auto* address = reinterpret_cast<const sockaddr*>(&to);
    tcp = ::connect(bound(SOCK_STREAM).get(), address, sizeof to) < 0 ? errno : 0;
    const Fd datagram = bound(SOCK_DGRAM);
    udp = ::sendto(datagram.get(), "x", 1, 0, address, sizeof to) < 0 ? errno : 0;
  });
  cr_assert_eq(tcp, ECONNREFUSED, "%s", std::strerror(tcp));
  cr_assert(udp == EPERM || udp == EACCES || udp == EHOSTUNREACH || udp == 0, "%s",
            std::strerror(udp));
}
