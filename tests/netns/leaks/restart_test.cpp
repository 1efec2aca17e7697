// SPDX-License-Identifier: ISC
// A tunnel is stopped and started by a service manager that keeps its descriptors: the device, the
// routes, the wall and the connections inside outlast it, and nothing leaves meanwhile.

#include <criterion/criterion.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <chrono>
#include <csignal>

#include "tests/daemon/manager.h"
#include "tests/netns/leaks/leak_lab.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

// The longest time in which a download did not move.
class Gap {
 public:
  explicit Gap(const Download& download)
      : thread_([this, &download] {
          auto moved = Steady::now();
          for (std::uint64_t had = download.bytes(); !stop_; std::this_thread::sleep_for(1ms)) {
            const std::uint64_t has = download.bytes();
            const auto now = Steady::now();
            longest_ = std::max<Steady::duration>(longest_, now - moved);
            if (has != had) moved = now;
            had = has;
          }
        }) {}
  ~Gap() { (void)seconds(); }
  double seconds() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    return std::chrono::duration<double>(longest_).count();
  }

 private:
  Steady::duration longest_{};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

std::string device(const Lab& lab, const Namespace& ns, const std::string& name) {
  const Finished f = lab.try_ip(ns, "-o link show " + name);
  return f.status == 0 ? f.output.substr(0, f.output.find(':')) : std::string();
}

struct Side {
  Manager manager;
  std::vector<std::string> words;
  const Namespace& ns;
  std::string tun;
  Child process;

  Side(const Lab& lab, bool keeps, std::vector<std::string> w, const Namespace& n, std::string t)
      : manager(lab.directory(), keeps),
        words(std::move(w)),
        ns(n),
        tun(std::move(t)),
        process(manager.start(words, ns.fd())) {
    cr_assert(manager.hears("READY=1"), "%s", process.output().c_str());
  }
  void end(int signal) {
    process.signal(signal);
    const int status = process.wait();
    cr_assert_eq(status, signal == SIGKILL ? 128 + SIGKILL : 0, "%d\n%s", status,
                 process.output().c_str());
  }
  void begin() { process = manager.start(words, ns.fd()); }
};

// A client below a manager, and traffic inside.
struct ClientBed {
  LeakLab l;
  std::unique_ptr<Side> client;

  explicit ClientBed(bool keeps = true, const std::string& settings = "") {
    l.start_server();
    client =
        std::make_unique<Side>(l.lab, keeps, l.lab.client_file(settings), l.lab.client(), "vpn0");
    cr_assert(client->process.says("connected,"), "%s", client->process.output().c_str());
  }
  std::string out() { return client->process.output(); }
};

// Everything that wants out, while nobody is there.
void try_to_leave(const LeakLab& l) {
  l.probe(l.target4, 9);
  l.probe(l.target6, 9);
  l.probe(*Address::parse("203.0.113.1"), 53);
}

void client_goes_on(int signal) {
  ClientBed b;
  Responder target(b.l.lab.target(), kPort);
  Download download(b.l.lab.client(), kTarget4, kPort);
  Idle idle(b.l.lab.client(), kTarget4, kPort);
  cr_assert(download.goes_on() && idle.speak());
  const std::string index = device(b.l.lab, b.l.lab.client(), "vpn0");
  const std::string address = b.l.lab.address(b.l.lab.client());
  const Snapshot before = b.l.lab.snapshot(b.l.lab.client());
  Gap gap(download);
  for (int i = 0; i < 3; ++i) {
    b.client->end(signal);
    try_to_leave(b.l);
    cr_assert_eq(device(b.l.lab, b.l.lab.client(), "vpn0"), index, "the device is gone");
    b.client->begin();
    cr_assert(b.client->process.says("reconnected,"), "%s", b.out().c_str());
    cr_assert(download.goes_on(), "the download broke\n%s", b.out().c_str());
  }
  cr_assert(idle.speak(), "the idle connection broke");
  const double longest = gap.seconds();
  fmt::print(stderr, "signal {}: the longest gap was {:.0f} ms\n", signal, 1e3 * longest);
  cr_assert_eq(device(b.l.lab, b.l.lab.client(), "vpn0"), index, "another device");
  cr_assert_eq(b.l.lab.address(b.l.lab.client()), address, "another lease");
  const Snapshot after = b.l.lab.snapshot(b.l.lab.client());
  cr_assert(before == after, "%s", before.difference(after).c_str());
  clean(b.l, "restarts");
  if (full_figures()) cr_assert_leq(longest, 1.0, "a gap of %.2f s", longest);
}

}  // namespace

Test(restart, a_client_goes_on) {
  client_goes_on(SIGUSR1);
}

Test(restart, a_killed_client_goes_on) {
  client_goes_on(SIGKILL);
}

// Between two processes nothing is different from what it was with one.
Test(restart, everything_stands_while_nobody_is_there) {
  ClientBed b;
  const Snapshot before = b.l.lab.snapshot(b.l.lab.client());
  b.client->end(SIGUSR1);
  const Snapshot between = b.l.lab.snapshot(b.l.lab.client());
  cr_assert(before == between, "%s", before.difference(between).c_str());
}

// Without a store the device goes, and the wall holds all the same.
Test(restart, without_a_store_the_wall_holds) {
  ClientBed b(false);
  const std::string index = device(b.l.lab, b.l.lab.client(), "vpn0");
  b.client->end(SIGUSR1);
  cr_assert(eventually([&] { return device(b.l.lab, b.l.lab.client(), "vpn0").empty(); }),
            "the device is still there, so the other tests prove nothing");
  try_to_leave(b.l);
  b.client->begin();
  cr_assert(b.client->process.says("connected,"), "%s", b.out().c_str());
  cr_assert_neq(device(b.l.lab, b.l.lab.client(), "vpn0"), index);
  clean(b.l, "a restart without a store");
}

Test(restart, a_clean_stop_leaves_nothing) {
  LeakLab l;
  const Snapshot before = l.lab.snapshot(l.lab.client());
  l.start_server();
  Side client(l.lab, true, l.lab.client_file(""), l.lab.client(), "vpn0");
  cr_assert(client.process.says("connected,"));
  client.end(SIGUSR1);
  client.begin();
  cr_assert(client.process.says("reconnected,"), "%s", client.process.output().c_str());
  client.end(SIGTERM);
  const Snapshot after = l.lab.snapshot(l.lab.client());
  cr_assert(before == after, "%s", before.difference(after).c_str());
  cr_assert(eventually([&] { return client.manager.kept().empty(); }), "something is still kept");
}

// What the file says otherwise by then is in force, and nothing of the old is left.
Test(restart, another_file_is_taken) {
  LeakLab l;
  const Snapshot before = l.lab.snapshot(l.lab.client());
  l.start_server();
  Side client(l.lab, true, l.lab.client_file(""), l.lab.client(), "vpn0");
  cr_assert(client.process.says("connected,"));
  for (const char* settings : {"routing.exclude = [\"192.0.2.0/24\"]",
                               "routing.mode = \"list\"\nrouting.include = "
                               "[\"198.51.100.0/24\", \"192.0.2.0/24\"]",
                               "interface.table = 777\ninterface.fwmark = 778",
                               "kill_switch.mode = \"off\"", "routing.lan = \"none\""}) {
    client.end(SIGUSR1);
    (void)l.lab.client_file(settings + std::string("\ndns.mode = \"off\""));
    client.begin();
    cr_assert(client.process.says("reconnected,"), "%s: %s", settings,
              client.process.output().c_str());
    cr_assert(l.lab.ping(l.lab.client(), Lab::kTarget4), "%s", settings);
    const Finished status = l.lab.vpnd(l.lab.client(), "client0", {"status"});
    cr_assert(status.output.find("missing") == std::string::npos, "%s: %s", settings,
              status.output.c_str());
  }
  client.end(SIGTERM);
  const Snapshot after = l.lab.snapshot(l.lab.client());
  cr_assert(before == after, "%s", before.difference(after).c_str());
}

// The old wall would be in the way of the new device.
Test(restart, another_name_is_taken) {
  LeakLab l;
  const Snapshot before = l.lab.snapshot(l.lab.client());
  l.start_server();
  Side client(l.lab, true, l.lab.client_file(""), l.lab.client(), "vpn0");
  cr_assert(client.process.says("connected,"));
  client.end(SIGUSR1);
  for (std::string& word : client.words) {
    if (word.ends_with(".toml")) {
      cr_assert_eq(run_program({"sed", "-i", "s/\"vpn0\"/\"vpn7\"/", word}).status, 0);
    }
  }
  client.begin();
  cr_assert(client.process.says("connected,"), "%s", client.process.output().c_str());
  cr_assert(l.lab.ping(l.lab.client(), Lab::kTarget4), "%s", client.process.output().c_str());
  cr_assert(device(l.lab, l.lab.client(), "vpn0").empty());
  clean(l, "another name");
  client.end(SIGTERM);
  const Snapshot after = l.lab.snapshot(l.lab.client());
  cr_assert(before == after, "%s", before.difference(after).c_str());
}

// What is kept may be lost in part, or be damaged; then it starts as after a crash.
Test(restart, parts_may_be_lost) {
  ClientBed b;
  for (const char* part : {"vpnd-session", "vpnd-tables", "vpnd-tunnel"}) {
    b.client->end(SIGUSR1);
    b.client->manager.lose(part);
    try_to_leave(b.l);
    b.client->begin();
    cr_assert(b.client->process.says("connected,"), "without %s: %s", part, b.out().c_str());
    cr_assert(b.l.lab.ping(b.l.lab.client(), Lab::kTarget4), "without %s", part);
  }
  clean(b.l, "parts lost");
}

namespace {

// Its port answers all the while, and its device stays.
void server_goes_on(int signal) {
  LeakLab l;
  Side server(l.lab, true, l.lab.server_file(""), l.lab.server(), "vpns");
  l.start_client();
  Responder target(l.lab.target(), kPort);
  Download download(l.lab.client(), kTarget4, kPort);
  Idle idle(l.lab.client(), kTarget4, kPort);
  cr_assert(download.goes_on() && idle.speak());
  const std::string index = device(l.lab, l.lab.server(), "vpns");
  const Snapshot before = l.lab.snapshot(l.lab.server());
  const Address there = *Address::parse(Lab::kServer);
  Gap gap(download);
  for (int i = 0; i < 3; ++i) {
    server.end(signal);
    cr_assert(connected_socket(l.lab.router(), there, 443, SOCK_STREAM), "refused meanwhile");
    cr_assert_eq(device(l.lab, l.lab.server(), "vpns"), index, "the device is gone");
    server.begin();
    cr_assert(download.goes_on(), "the download broke\n%s\n%s", server.process.output().c_str(),
              l.client().output().c_str());
  }
  cr_assert(idle.speak(), "the idle connection broke");
  const double longest = gap.seconds();
  fmt::print(stderr, "signal {}: the longest gap was {:.0f} ms\n", signal, 1e3 * longest);
  cr_assert_eq(device(l.lab, l.lab.server(), "vpns"), index, "another device");
  const Snapshot after = l.lab.snapshot(l.lab.server());
  cr_assert(before == after, "%s", before.difference(after).c_str());
  clean(l, "the server's restarts");
  if (full_figures()) cr_assert_leq(longest, 1.0, "a gap of %.2f s", longest);
}

}  // namespace

Test(restart, a_server_goes_on) {
  server_goes_on(SIGUSR1);
}

Test(restart, a_killed_server_goes_on) {
  server_goes_on(SIGKILL);
}

Test(restart, without_a_store_a_server_refuses_meanwhile) {
  LeakLab l;
  Side server(l.lab, false, l.lab.server_file(""), l.lab.server(), "vpns");
  server.end(SIGUSR1);
  const Address there = *Address::parse(Lab::kServer);
  // The kernel closes what a ring has watched a moment after its process.
  cr_assert(eventually([&] {
    return !connected_socket(l.lab.router(), there, 443, SOCK_STREAM) &&
           device(l.lab, l.lab.server(), "vpns").empty();
  }));
  server.begin();
  l.start_client();
  cr_assert(l.lab.ping(l.lab.client(), Lab::kTarget4));
}
