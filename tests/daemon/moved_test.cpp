// SPDX-License-Identifier: ISC
// A client that is given its server's name: it finds the server again when it has moved, and finds
// it although a wall stands. With an /etc of its own.

#include <criterion/criterion.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "linux/text_file.h"
#include "tests/daemon/lab.h"
#include "tests/support/private_etc.h"

using namespace vpnd;
using namespace vpnd::test;
using namespace std::chrono_literals;

namespace {

constexpr char kName[] = "gate.example";
constexpr char kMoved[] = "203.0.113.3";
constexpr char kFile[] = "/etc/resolv.conf";

struct Bench {
  Lab lab;
  Child resolver = lab.start_resolver(kName, Lab::kServer);
  Child server = lab.start_server();

  explicit Bench(const std::string& resolvers = "nameserver 10.71.1.1\n") {
    std::ofstream(kFile) << resolvers;
  }
  Child start(const std::vector<std::string>& options = {}) {
    return lab.start_client(0, options, {}, kName);
  }
  void kill_server() {
    server.signal(SIGKILL);
    server.wait();
  }
  void stop_resolver() {
    resolver.signal(SIGTERM);
    resolver.wait();
  }
  // The server's host gets another address, and nobody else has the old one.
  void move() {
    kill_server();
    std::this_thread::sleep_for(300ms);  // what the kernel says for it must still get through
    lab.ip(lab.server(), "addr flush dev eth0");
    lab.ip(lab.server(), std::string("addr add ") + kMoved + "/24 dev eth0");
    lab.ip(lab.server(), "route add default via 203.0.113.1");
    server = lab.start_server();
    stop_resolver();
    resolver = lab.start_resolver(kName, kMoved);
  }
  bool works() { return lab.ping(lab.client(), Lab::kTarget4, 1); }
  void kill_client(Child& client) {
    const auto engines = Lab::children(client.pid());
    client.signal(SIGKILL);
    client.wait();
    for (const pid_t engine : engines) ::kill(engine, SIGKILL);
  }
  void forget_addresses() {
    std::size_t forgotten = 0;
    for (const auto& entry : std::filesystem::directory_iterator(lab.places("client0")[1])) {
      const bool address = entry.path().filename().string().starts_with("address-");
      if (address) forgotten += std::filesystem::remove(entry.path());
    }
    cr_assert_eq(forgotten, 1u);
  }
  bool walled() {
    return run_program({"nft", "list", "tables"}, lab.client().fd()).output.find("vpn0_wall") !=
           std::string::npos;
  }
};

void follows(Bench& b, const std::vector<std::string>& options = {}) {
  Child client = b.start(options);
  cr_assert(b.works());
  b.move();
  cr_assert(client.says("reconnected", 25), "%s", client.output().c_str());
  cr_assert(client.output().find(std::string("is at ") + kMoved) != std::string::npos, "%s",
            client.output().c_str());
  cr_assert(b.works());
  const Finished status = b.lab.vpnd(b.lab.client(), "client0", {"status"});
  cr_assert(status.output.find(kMoved) != std::string::npos, "%s", status.output.c_str());
  // What is made for a look-up must look to the keeper as it made it.
  cr_assert(client.output().find("put back") == std::string::npos, "%s", client.output().c_str());
  client.signal(SIGTERM);
  cr_assert_eq(client.wait(5), 0, "%s", client.output().c_str());
}

}  // namespace

TestSuite(moved, .init = private_etc);

Test(moved, a_server_that_moves_is_found_by_its_name) {
  Bench b;
  follows(b);
}

// One beyond the local network, to which no connected route leads; and its answers have to get past
// a strict reverse-path filter.
Test(moved, by_a_resolver_that_is_far_away) {
  Bench b("nameserver 203.0.113.1\n");
  b.lab.client().run([] { std::ofstream("/proc/sys/net/ipv4/conf/eth0/rp_filter") << 1; });
  follows(b);
}

Test(moved, without_a_wall_too) {
  Bench b;
  follows(b, {"--kill-switch", "off"});
}

Test(moved, by_the_epoll_driver) {
  Bench b;
  b.lab.client_program = variant_program("epoll");
  follows(b);
}

// The first resolver is silent, the second one answers.
Test(moved, a_silent_resolver_is_passed_over) {
  Bench b("nameserver 10.71.1.77\nnameserver 10.71.1.1\noptions timeout:1 attempts:1\n");
  follows(b);
}

Test(moved, a_dead_resolver_does_not_keep_it_from_where_the_server_was) {
  Bench b;
  Child client = b.start();
  const auto before = b.lab.ping(b.lab.client(), Lab::kTarget4, 1);
  cr_assert(before);
  b.stop_resolver();
  // Silence rather than an answer that nobody listens there.
  run_program({"nft",
               "add table inet deaf; add chain inet deaf in "
               "{ type filter hook input priority 0; }; "
               "add rule inet deaf in udp dport 53 drop"},
              b.lab.router().fd());
  b.kill_server();
  std::this_thread::sleep_for(2500ms);  // a look-up is under way
  b.server = b.lab.start_server();
  const auto begin = std::chrono::steady_clock::now();
  cr_assert(client.says("reconnected", 10), "%s", client.output().c_str());
  const auto took = std::chrono::steady_clock::now() - begin;
  cr_assert(took < 1500ms, "%ld ms",
            static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
}

Test(moved, the_wall_of_a_killed_client_does_not_hide_the_server) {
  Bench b;
  Child client = b.start();
  b.kill_client(client);
  cr_assert(b.walled());
  b.forget_addresses();
  client = b.start();
  cr_assert(b.works(), "%s", client.output().c_str());
  // And the address that it remembers is an old one.
  b.kill_client(client);
  b.move();
  cr_assert(b.walled());
  client = b.start();
  cr_assert(b.works(), "%s", client.output().c_str());
}

Test(moved, a_name_that_is_not_there_ends_it_behind_a_wall_as_well) {
  Bench b;
  Child client = b.start();
  b.kill_client(client);
  b.stop_resolver();
  b.resolver = b.lab.start_resolver("other.example", "203.0.113.9");
  const auto begun = [&](const char* host) {
    Child other = b.lab.begin_client(0, {"--timeout", "6"}, b.lab.key(), host);
    const int status = other.wait(15);
    cr_assert_eq(status, 69, "%d: %s", status, other.output().c_str());
    cr_assert(other.output().find(std::string("the name ") + host + " does not resolve") !=
                  std::string::npos,
              "%s", other.output().c_str());
  };
  begun("not-there.example");
  cr_assert_not(b.walled(), "an end is an end");
}

Test(moved, the_hosts_file_is_read_behind_a_wall) {
  Bench b;
  std::ofstream("/etc/hosts") << Lab::kServer << " gate\n";
  Child client = b.lab.start_client(0, {}, {}, "gate");
  b.kill_client(client);
  cr_assert(b.walled());
  b.forget_addresses();
  client = b.lab.start_client(0, {}, {}, "gate");
  cr_assert(b.works(), "%s", client.output().c_str());
}
