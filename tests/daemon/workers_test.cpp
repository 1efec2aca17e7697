// SPDX-License-Identifier: ISC
// A server with several workers: clients at each, packets that come out of another's queue, and all
// the ways in which a session or a process ends.

#include <criterion/criterion.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <map>
#include <memory>
#include <set>

#include "core/plan/status.h"
#include "tests/daemon/load_lab.h"
#include "tests/daemon/manager.h"
#include "tests/daemon/traffic.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

constexpr char kTwo[] = "queues = 2";

// Of a server that is there, or will be soon.
plan::Status status_of(Lab& lab) {
  Finished f;
  std::optional<plan::Status> status;
  cr_assert(eventually([&] {
              f = lab.vpnd(lab.server(), "server", {"status", "--json"});
              status = plan::status_from_json(f.output);
              return status.has_value();
            }),
            "%s", f.output.c_str());
  return *status;
}

// By inner address.
std::map<std::string, std::uint32_t> workers_of(Lab& lab) {
  std::map<std::string, std::uint32_t> out;
  for (const auto& p : status_of(lab).report.peers) out[p.inner_v4.text()] = p.worker;
  return out;
}

bool at_each(Lab& lab, std::size_t workers) {
  std::set<std::uint32_t> used;
  for (const auto& [address, worker] : workers_of(lab)) used.insert(worker);
  return used.size() == workers;
}

bool at_both(Lab& lab) {
  return at_each(lab, 2);
}

pid_t engine_of(const Child& keeper) {
  const auto below = Lab::children(keeper.pid());
  cr_assert_eq(below.size(), 1, "%zu processes below the keeper", below.size());
  return below.front();
}

struct Bench {
  Lab lab{2};
  Responder target{lab.target(), kPort};
  Child server, first, second;

  explicit Bench(const std::string& program = vpnd_program())
      : server(start(lab, program)), first(lab.start_client(0)), second(lab.start_client(1)) {
    cr_assert(eventually([&] { return at_both(lab); }), "%s", server.output().c_str());
  }
  static Child start(Lab& lab, const std::string& program) {
    lab.server_program = program;
    return lab.run_server("", kTwo);
  }
};

// Both ways, by all clients at a time, every byte looked at.
void carries_everything(Lab& lab) {
  Download first(lab.client(0), kTarget4, kPort), second(lab.client(1), kTarget6, kPort);
  for (int i : {0, 1}) {
    cr_assert(tcp_echo(lab.client(i), kTarget4, kPort, 8 << 20, 30), "client %d, tcp v4", i);
    cr_assert(tcp_echo(lab.client(i), kTarget6, kPort, 4 << 20, 30), "client %d, tcp v6", i);
    cr_assert(udp_echo(lab.client(i), kTarget4, kPort, 9000), "client %d, udp", i);
  }
  cr_assert(first.goes_on(), "broken: %d", first.broken());
  cr_assert(second.goes_on(), "broken: %d", second.broken());
}

}  // namespace

Test(workers, clients_of_both_carry_everything) {
  Bench b;
  carries_everything(b.lab);
  const plan::Status s = status_of(b.lab);
  cr_assert_eq(s.workers, 2u);
  for (const auto& p : s.report.peers) {
    cr_assert_gt(p.received.bytes, 12u << 20);
    cr_assert_gt(p.sent.bytes, 12u << 20);
  }
  // What the clients begin comes out of the right queue by itself.
  const std::uint64_t handed = s.report.counters.handed_over, all = s.report.counters.sent.packets;
  cr_assert_lt(handed * 20, all, "%lu of %lu", handed, all);
}

Test(workers, and_without_io_uring) {
  Bench b(variant_program("epoll"));
  carries_everything(b.lab);
}

// The kernel knows nothing of a flow that begins at the server, and takes any queue.
Test(workers, what_comes_out_of_the_others_queue_is_handed_over) {
  Bench b;
  for (int i : {0, 1}) {
    const Responder here(b.lab.client(i), kPort);
    const auto address = Address::parse(b.lab.address(b.lab.client(i)));
    cr_assert(address.has_value());
    for (int flow = 0; flow < 20; ++flow) {
      cr_assert(udp_echo(b.lab.server(), *address, kPort), "client %d, flow %d", i, flow);
    }
    cr_assert(tcp_echo(b.lab.server(), *address, kPort, 4 << 20, 30), "client %d", i);
  }
  const plan::Status s = status_of(b.lab);
  cr_assert_gt(s.report.counters.handed_over, 0u);
  cr_assert_eq(s.report.counters.drops[static_cast<std::size_t>(Drop::hand_over_full)], 0u);
}

Test(workers, a_client_whose_engine_dies_goes_on_at_whichever_takes_it) {
  Bench b;
  Idle idle(b.lab.client(1), kTarget4, kPort);
  Download download(b.lab.client(1), kTarget4, kPort);
  cr_assert(idle.speak() && download.goes_on());
  b.first.signal(SIGTERM);
  cr_assert_eq(b.first.wait(), 0);
  // It does not wait for longer than a moment until the server has read its goodbye.
  std::map<std::string, std::uint32_t> before;
  cr_assert(eventually([&] { return (before = workers_of(b.lab)).size() == 1; }));
  cr_assert_eq(before.begin()->second, 1u);
  ::kill(engine_of(b.second), SIGKILL);
  cr_assert(download.goes_on(), "%s", b.second.output().c_str());
  cr_assert(idle.speak(10));
  cr_assert(eventually([&] {
    const auto after = workers_of(b.lab);
    return after.size() == 1 && after.begin()->first == before.begin()->first &&
           after.begin()->second == 0;
  }));
}

Test(workers, all_come_back_to_a_new_engine_and_to_a_new_server) {
  Bench b;
  Download first(b.lab.client(0), kTarget4, kPort), second(b.lab.client(1), kTarget4, kPort);
  cr_assert(first.goes_on() && second.goes_on());
  ::kill(engine_of(b.server), SIGKILL);
  cr_assert(first.goes_on() && second.goes_on(), "%s", b.server.output().c_str());
  cr_assert(eventually([&] { return at_both(b.lab); }));
  b.server.signal(SIGKILL);
  b.server.wait();
  b.server = b.lab.run_server("", kTwo);
  cr_assert(first.goes_on() && second.goes_on(), "%s", b.server.output().c_str());
  cr_assert(eventually([&] { return at_both(b.lab); }));
}

Test(workers, a_stop_tells_the_clients_of_both) {
  Bench b;
  b.server.signal(SIGTERM);
  cr_assert_eq(b.server.wait(), 0, "%s", b.server.output().c_str());
  const std::string& said = b.server.output();
  std::size_t gone = 0;
  for (auto at = said.find("the server stops"); at != said.npos;
       at = said.find("the server stops", at + 1)) {
    ++gone;
  }
  cr_assert_eq(gone, 2u, "%s", said.c_str());
  b.server = b.lab.run_server("", kTwo);
  for (int i : {0, 1}) {
    cr_assert(eventually([&] { return b.lab.ping(b.lab.client(i), Lab::kTarget4, 1); }, 15));
  }
}

// Its sessions stay where they are; only the queues are new.
Test(workers, a_device_that_is_removed_comes_back_with_all_its_queues) {
  Bench b;
  b.lab.ip(b.lab.server(), "link delete vpns");
  for (int i : {0, 1}) {
    cr_assert(eventually([&] { return b.lab.ping(b.lab.client(i), Lab::kTarget4, 1); }, 15), "%s",
              b.server.output().c_str());
  }
  carries_everything(b.lab);
}

// As by a system call that it may not make: a thread takes its process with it.
Test(workers, all_come_back_when_one_worker_is_ended) {
  Bench b;
  Download first(b.lab.client(0), kTarget4, kPort), second(b.lab.client(1), kTarget4, kPort);
  cr_assert(first.goes_on() && second.goes_on());
  const pid_t engine = engine_of(b.server);
  // A sanitizer has a thread of its own; the worker's is the youngest.
  pid_t worker = engine;
  for (const auto& t : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", engine))) {
    worker = std::max(worker, std::stoi(t.path().filename()));
  }
  cr_assert_gt(worker, engine);
  cr_assert_eq(::syscall(SYS_tgkill, engine, worker, SIGSYS), 0);
  cr_assert(first.goes_on() && second.goes_on(), "%s", b.server.output().c_str());
  cr_assert(eventually([&] { return at_both(b.lab); }));
  cr_assert_neq(engine_of(b.server), engine);
}

Test(workers, a_stop_under_load_leaves_nothing) {
  Lab lab(2);
  const Responder target(lab.target(), kPort);
  for (int i = 0; i < 3; ++i) {
    const Snapshot before = lab.snapshot(lab.server());
    Child server = lab.run_server("", kTwo);
    Child first = lab.start_client(0), second = lab.start_client(1);
    cr_assert(eventually([&] { return at_both(lab); }));
    Download a(lab.client(0), kTarget4, kPort), b(lab.client(1), kTarget6, kPort);
    cr_assert(a.goes_on() && b.goes_on());
    server.signal(SIGTERM);
    cr_assert_eq(server.wait(5), 0, "%s", server.output().c_str());
    const Snapshot after = lab.snapshot(lab.server());
    cr_assert(before == after, "%s", before.difference(after).c_str());
  }
}

Test(workers, a_reload_reaches_all) {
  Bench b;
  const std::string first = b.lab.address(b.lab.client(0)), second = b.lab.address(b.lab.client(1));
  const auto reload = [&](const std::string& settings) {
    (void)b.lab.server_file(settings, kTwo);
    const Finished f = b.lab.vpnd(b.lab.server(), "server", {"reload"});
    cr_assert_eq(f.status, 0, "%s", f.output.c_str());
  };
  const auto reach = [&](int seconds) {
    return std::pair(b.lab.ping(b.lab.client(0), second, seconds),
                     b.lab.ping(b.lab.client(1), first, seconds));
  };
  cr_assert(reach(1) == std::pair(false, false), "they are kept apart by default");
  reload("isolate = false");
  cr_assert(reach(2) == std::pair(true, true), "%s", b.server.output().c_str());
  reload("");
  cr_assert(reach(1) == std::pair(false, false), "%s", b.server.output().c_str());
  carries_everything(b.lab);
}

Test(workers, who_is_revoked_is_out_wherever_it_is) {
  Lab lab(2);
  const std::string folder = lab.directory(), key = folder + "/vpn.key";  // as lab.key()
  const auto peer = [&](std::vector<std::string> words) {
    words.insert(words.begin(), vpnd_program());
    const Finished f = run_program(words);
    cr_assert_eq(f.status, 0, "%s", f.output.c_str());
  };
  peer({"genkey", "--server", key});
  for (const char* name : {"a", "b"}) {
    peer({"peer", "add", key, name, "-o", folder + "/" + name + ".key"});
  }
  cr_assert_eq(lab.key(), key);
  Child server = lab.run_server("", kTwo);
  Child a = lab.start_client(0, {}, folder + "/a.key"),
        b = lab.start_client(1, {}, folder + "/b.key");
  cr_assert(eventually([&] { return at_both(lab); }), "%s", server.output().c_str());
  peer({"peer", "revoke", key, "b"});
  cr_assert(b.says("revoked"), "%s", b.output().c_str());
  cr_assert(lab.ping(lab.client(0), Lab::kTarget4));
  peer({"peer", "revoke", key, "a"});
  cr_assert(a.says("revoked"), "%s", a.output().c_str());
}

// Below a manager that keeps one queue of the device for it.
Test(workers, all_connections_outlast_a_restart) {
  Lab lab(2);
  const Responder target(lab.target(), kPort);
  Manager manager(lab.directory());
  const auto words = lab.server_file("", kTwo);
  Child server = manager.start(words, lab.server().fd());
  cr_assert(manager.hears("READY=1"), "%s", server.output().c_str());
  const Child first = lab.start_client(0), second = lab.start_client(1);
  cr_assert(eventually([&] { return at_both(lab); }));
  Download a(lab.client(0), kTarget4, kPort), b(lab.client(1), kTarget4, kPort);
  Idle idle(lab.client(1), kTarget4, kPort);
  cr_assert(a.goes_on() && b.goes_on() && idle.speak());
  const std::string index = lab.try_ip(lab.server(), "-o link show vpns").output;
  for (const int signal : {SIGUSR1, SIGKILL, SIGUSR1}) {
    server.signal(signal);
    cr_assert_eq(server.wait(), signal == SIGKILL ? 128 + SIGKILL : 0, "%s",
                 server.output().c_str());
    server = manager.start(words, lab.server().fd());
    cr_assert(a.goes_on() && b.goes_on(), "%d\n%s", signal, server.output().c_str());
    cr_assert(eventually([&] { return at_both(lab); }), "%s", server.output().c_str());
  }
  cr_assert(idle.speak());
  cr_assert_eq(lab.try_ip(lab.server(), "-o link show vpns").output, index, "another device");
  cr_assert_eq(status_of(lab).workers, 2u);
}

Test(workers, four_have_a_client_each) {
  Lab lab(4);
  const Responder target(lab.target(), kPort);
  Child server = lab.run_server("", "queues = 4");
  std::vector<Child> clients;
  std::vector<std::unique_ptr<Download>> downloads;
  for (int i = 0; i < 4; ++i) clients.push_back(lab.start_client(i));
  cr_assert(eventually([&] { return at_each(lab, 4); }), "%s", server.output().c_str());
  for (int i = 0; i < 4; ++i) {
    downloads.push_back(std::make_unique<Download>(lab.client(i), kTarget4, kPort));
    cr_assert(tcp_echo(lab.client(i), kTarget6, kPort, 4 << 20, 30), "client %d", i);
  }
  for (auto& d : downloads) cr_assert(d->goes_on(), "%s", server.output().c_str());
  server.signal(SIGTERM);
  cr_assert_eq(server.wait(5), 0, "%s", server.output().c_str());
}

// More than there are processors, and each with a share of the clients.
Test(workers, many_clients_of_four) {
  LoadLab lab("queues = 4");
  const Value up = lab.run("connect", {"clients=100", "within=50"});
  cr_assert_eq(up.at("up").number<int>(), 100);
  for (const char* direction : {"direction=down", "direction=up"}) {
    // What else runs on the machine can stop everybody for as long as is measured.
    bool good = false;
    for (int i = 0; i < 8 && !good; ++i) {
      const Value v =
          lab.run("share", {"clients=40", "moving=10", "rounds=1", "seconds=0.4", direction});
      good = median(numbers(v.at("worst"))) > 0;
    }
    cr_assert(good, "%s: one got nothing", direction);
  }
}
