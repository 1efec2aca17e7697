// SPDX-License-Identifier: ISC
// A server with two workers: clients at both, packets that come out of the other's queue, and all
// the ways in which a session or a process ends.

#include <criterion/criterion.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "core/plan/status.h"
#include "tests/daemon/lab.h"
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

bool at_both(Lab& lab) {
  std::set<std::uint32_t> used;
  for (const auto& [address, worker] : workers_of(lab)) used.insert(worker);
  return used.size() == 2;
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
  const auto before = workers_of(b.lab);
  cr_assert(before.size() == 1 && before.begin()->second == 1);
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
