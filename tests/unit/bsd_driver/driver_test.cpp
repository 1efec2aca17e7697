// SPDX-License-Identifier: ISC
// The kqueue driver with whole engines at its ends: what goes in at one device comes out of the
// other, and nothing that a device, a peer or a keeper does makes it spin, hang or leak.
#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "bsd/socket.h"
#include "bsd/traits.h"
#include "tests/unit/bsd_driver/lab.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

const Address kFar = Address::v4(192, 0, 2, 7);
const Address kFar6 = *Address::parse("2001:db8::7");

constexpr std::size_t kMtu = 1420;

std::vector<Raw> some(const Address& from, const Address& to, std::uint32_t flow, unsigned n) {
  std::vector<Raw> out;
  for (unsigned i = 0; i < n; ++i) {
    const std::size_t size = 60 + (i * 37) % (kMtu - 59);
    out.push_back(from.is_v4() ? sim::make_packet(from, to, flow, i, size)
                               : sim::make_packet6(from, to, flow, i, size));
  }
  return out;
}

Address inner(Lab& lab) {
  return lab.client().lease.client_v4.address;
}

Address inner6(Lab& lab) {
  return lab.client().lease.client_v6.address;
}

}  // namespace

Test(bsd_driver, packets_pass_both_ways_byte_for_byte) {
  Lab lab;
  cr_assert(lab.up());
  cr_assert(lab.all_pass(lab.client(), lab.server(), some(inner(lab), kFar, 1, 500)));
  cr_assert(lab.all_pass(lab.server(), lab.client(), some(kFar, inner(lab), 2, 500)));
  cr_assert(lab.all_pass(lab.client(), lab.server(), some(inner6(lab), kFar6, 3, 500)));
  cr_assert(lab.all_pass(lab.server(), lab.client(), some(kFar6, inner6(lab), 4, 500)));
  cr_assert_eq(lab.client().bad_frames + lab.server().bad_frames, 0u);
}

Test(bsd_driver, an_idle_tunnel_takes_no_processor_time) {
  Lab lab;
  cr_assert(lab.up());
  const double before = lab.client().busy() + lab.server().busy();
  lab.run_for(1000ms);
  cr_assert_lt(lab.client().busy() + lab.server().busy() - before, 0.1);
}

// What the kernel itself puts into a device, and what is no packet at all.
Test(bsd_driver, what_is_nothing_to_a_tunnel_stays_in_the_device) {
  Lab lab;
  cr_assert(lab.up());
  const std::size_t before = lab.server().packets.size();
  const auto v6 = [](const char* from, const char* to) {
    return sim::make_packet6(*Address::parse(from), *Address::parse(to), 1, 0, 80);
  };
  const Raw good = sim::make_packet(inner(lab), kFar, 1, 0, 80);
  Side& c = lab.client();
  cr_assert(c.give(v6("fe80::1", "ff02::2")) && c.give(v6("::", "ff02::16")));
  cr_assert(c.give(v6("fe80::1", "2001:db8::7")) && c.give_frame(10, good));
  cr_assert(c.give_frame(bsd::kFreeBsd.inet6, good));
  cr_assert(c.give_frame(bsd::kInet, Raw(3, 0x45)) && c.give_frame(bsd::kInet, Raw(19, 0x45)));
  cr_assert(lab.all_pass(c, lab.server(), some(inner(lab), kFar, 2, 1)));
  cr_assert_eq(lab.server().packets.size(), before + 1);
  // It was the driver that kept them, not the engine's checks.
  const engine::Report& report = lab.report_of(c);
  std::uint64_t drops = 0;
  for (const auto d : report.counters.drops) drops += d;
  cr_assert_eq(drops, 0u);
}

// Nobody reads the server's device: what it does not take is counted, and once it does, packets
// come again.
Test(bsd_driver, a_full_device_loses_packets_and_nothing_else) {
  Lab lab;
  cr_assert(lab.up());
  lab.take_server_packets = false;
  const Raw packet = sim::make_packet(inner(lab), kFar, 1, 0, kMtu);
  std::uint64_t lost = 0;
  for (int i = 0; i < 100 && lost == 0; ++i) {
    for (int k = 0; k < 100; ++k) {
      cr_assert(lab.run_until([&] { return lab.client().give(packet); }));
    }
    lost = lab.dropped(lab.server(), Drop::tun_write);
  }
  cr_assert_gt(lost, 0u);
  lab.take_server_packets = true;
  lab.run_for(300ms);
  cr_assert(lab.all_pass(lab.client(), lab.server(), some(inner(lab), kFar, 2, 50)));
}

// A device whose other end is closed gives the end of file at every read.
Test(bsd_driver, a_dead_device_does_not_make_it_spin) {
  Lab lab;
  cr_assert(lab.up());
  int ends[2];
  cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
  bsd::Fd dead(ends[1]);
  cr_assert(bsd::prepare(dead));
  close(ends[0]);
  lab.client().tell(plan::to_engine::Tun{wire::kKindPlain}, dead.get());
  const double before = lab.client().busy();
  lab.run_for(1000ms);
  cr_assert_lt(lab.client().busy() - before, 0.1);
  (void)lab.report_of(lab.client());
}

Test(bsd_driver, a_new_device_takes_the_place_of_the_old_one) {
  Lab lab;
  cr_assert(lab.up());
  int ends[2];
  cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
  bsd::Fd ours(ends[0]), theirs(ends[1]);
  cr_assert(bsd::prepare(ours) && bsd::prepare(theirs));
  lab.server().tell(plan::to_engine::Tun{wire::kKindPlain}, theirs.get());
  theirs.reset();
  (void)lab.report_of(lab.server());  // it has heard of it
  const Raw packet = sim::make_packet(inner(lab), kFar, 7, 0, 200);
  cr_assert(lab.client().give(packet));
  Raw frame(2000);
  ssize_t n = -1;
  cr_assert(lab.run_until([&] {
    n = recv(ours.get(), frame.data(), frame.size(), 0);
    return n > 0;
  }));
  cr_assert(std::equal(packet.begin(), packet.end(), frame.begin() + 4, frame.begin() + n));
  // The engine has closed the other end of the old one.
  pollfd old{lab.server().device(), POLLIN, 0};
  cr_assert_eq(poll(&old, 1, 5000), 1);
  cr_assert((old.revents & POLLHUP) != 0);
}

// The server is killed: its end of the carrier goes with it. The listener is the keeper's and
// stays.
Test(bsd_driver, a_carrier_that_ends_is_dialled_again) {
  Lab lab;
  cr_assert(lab.up());
  lab.end_server();
  cr_assert(lab.run_until(
      [&] { return lab.client().states.back() == engine::ClientState::reconnecting; }));
  lab.start_server();
  cr_assert(lab.run_until([&] { return lab.is_up(); }, 20s));
  cr_assert(lab.all_pass(lab.client(), lab.server(), some(inner(lab), kFar, 1, 50)));
}

Test(bsd_driver, nobody_there_is_asked_again_and_again_at_leisure) {
  Lab lab;
  unsigned refused = 0;
  // A port that nobody listens at any more.
  const bsd::Fd other = bsd::listening_socket({Address::v4(127, 0, 0, 1), 0});
  sockaddr_storage on{};
  socklen_t size = sizeof on;
  cr_assert_eq(getsockname(other.get(), reinterpret_cast<sockaddr*>(&on), &size), 0);
  const Endpoint nobody = bsd::from_sockaddr(on);
  shutdown(other.get(), SHUT_RDWR);
  lab.dial = [&](const Endpoint&) {
    ++refused;
    return bsd::dialling_socket(nobody);
  };
  lab.start_client();
  lab.run_for(2000ms);
  cr_assert_geq(refused, 2u);
  cr_assert_lt(refused, 50u);
  cr_assert(!lab.is_up());
  cr_assert_lt(lab.client().busy(), 1.0);
  // And then somebody is.
  lab.dial = [](const Endpoint& to) { return bsd::dialling_socket(to); };
  lab.start_server();
  cr_assert(lab.run_until([&] { return lab.is_up(); }, 20s));
}

// It takes connections and says nothing, ever.
Test(bsd_driver, a_silent_server_costs_no_processor_time) {
  Lab lab;
  const bsd::Fd deaf = bsd::listening_socket({Address::v4(127, 0, 0, 1), 0});
  sockaddr_storage on{};
  socklen_t size = sizeof on;
  cr_assert_eq(getsockname(deaf.get(), reinterpret_cast<sockaddr*>(&on), &size), 0);
  lab.dial = [to = bsd::from_sockaddr(on)](const Endpoint&) { return bsd::dialling_socket(to); };
  lab.start_client();
  lab.run_for(500ms);
  const double before = lab.client().busy();
  lab.run_for(1500ms);
  cr_assert_lt(lab.client().busy() - before, 0.1);
  (void)lab.report_of(lab.client());
}

// A peer that is stopped takes nothing more: the socket fills, and so does the queue. The driver
// goes on reading its device, answers its keeper, and waits without spinning.
Test(bsd_driver, a_deaf_peer_fills_a_queue_and_holds_up_nobody) {
  Lab lab;
  cr_assert(lab.up());
  cr_assert_eq(kill(lab.server().pid(), SIGSTOP), 0);
  const Raw packet = sim::make_packet(inner(lab), kFar, 1, 0, kMtu);
  const auto until = std::chrono::steady_clock::now() + 3s;
  unsigned long given = 0;
  while (std::chrono::steady_clock::now() < until) {
    for (int i = 0; i < 50; ++i) given += lab.client().give(packet) ? 1 : 0;
    lab.run_for(1ms);
  }
  cr_assert_gt(given * kMtu, 8ul << 20, "the device was not read any more");
  const double before = lab.client().busy();
  lab.run_for(1000ms);
  cr_assert_lt(lab.client().busy() - before, 0.2);
  std::uint64_t drops = 0;
  for (const auto d : lab.report_of(lab.client()).counters.drops) drops += d;
  cr_assert_gt(drops, 0u);
  cr_assert_eq(kill(lab.server().pid(), SIGCONT), 0);
  // What the sockets held, even if the client has given that carrier up meanwhile.
  cr_assert(lab.run_until([&] { return lab.server().packets.size() > 20; }, 20s));
  lab.run_for(1000ms);
  cr_assert(lab.run_until([&] { return lab.is_up(); }, 20s));
  const std::size_t had = lab.server().packets.size();
  cr_assert(lab.run_until([&] {
    (void)lab.client().give(packet);
    return lab.server().packets.size() > had + 20;
  }));
  cr_assert(std::ranges::all_of(lab.server().packets, [&](const Raw& p) {
    return p == packet || sim::read_packet(p).intact;
  }));
}

Test(bsd_driver, connections_that_say_nothing_sensible_leave_nothing_behind) {
  Lab lab;
  cr_assert(lab.up());
  const unsigned before = lab.server().open_files();
  for (int i = 0; i < 100; ++i) {
    const bsd::Fd fd = bsd::dialling_socket(lab.at);
    pollfd writable{fd.get(), POLLOUT, 0};
    (void)poll(&writable, 1, 1000);
    const Raw noise(static_cast<std::size_t>(i) * 100, static_cast<std::uint8_t>(i));
    if (i % 2 != 0) (void)send(fd.get(), noise.data(), noise.size(), MSG_NOSIGNAL);
    lab.run_for(2ms);
  }
  cr_assert(lab.run_until([&] { return lab.server().open_files() <= before; }, 10s));
  cr_assert(lab.all_pass(lab.client(), lab.server(), some(inner(lab), kFar, 1, 20)));
}

Test(bsd_driver, who_is_told_to_stop_takes_leave_and_ends) {
  Lab lab;
  cr_assert(lab.up());
  (void)lab.report_of(lab.server());
  cr_assert_eq(lab.server().peers, 1u);
  lab.client().tell(plan::to_engine::Stop{});
  cr_assert(lab.run_until([&] { return lab.client().stopped == 1; }));
  cr_assert_eq(lab.client().wait(), 0);
  cr_assert(lab.run_until([&] {
    (void)lab.report_of(lab.server());
    return lab.server().peers == 0;
  }));
  lab.server().tell(plan::to_engine::Stop{});
  cr_assert(lab.run_until([&] { return lab.server().stopped == 1; }));
  cr_assert_eq(lab.server().wait(), 0);
}

Test(bsd_driver, without_its_keeper_an_engine_ends) {
  Lab lab;
  cr_assert(lab.up());
  lab.server().hang_up();
  cr_assert_eq(lab.server().wait(), 0);
}

Test(bsd_driver, nonsense_from_the_keeper_ends_it) {
  Lab lab;
  cr_assert(lab.up());
  const Raw nonsense(13, 0xee);
  cr_assert_eq(send(lab.client().channel(), nonsense.data(), nonsense.size(), MSG_NOSIGNAL), 13);
  cr_assert_eq(lab.client().wait(), 0);
}
