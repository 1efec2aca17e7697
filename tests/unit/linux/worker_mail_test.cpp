// SPDX-License-Identifier: ISC
// What a worker was told counts for the packets that it reads after that.

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "linux/driver.h"

using namespace vpnd;
using namespace vpnd::nl;

namespace {

const Address kClient = Address::v4(10, 9, 0, 7);

// A datagram to that client.
std::array<std::uint8_t, 28> packet() {
  std::array<std::uint8_t, 28> out{0x45, 0, 0, 28};
  out[8] = 64;
  out[9] = IPPROTO_UDP;
  std::ranges::copy(kClient.bytes(), out.begin() + 16);
  out[25] = 8;
  return out;
}

// The second of two workers, with a socket for its queue of the device.
struct Second {
  Crew crew{2};
  engine::Engine engine{engine::SessionSettings{}, engine::Room{}, [](MutBytes) {},
                        crew.as_seen_by(1)};
  Driver driver{engine, nullptr, crew, 1, {}};
  Fd far_end;

  Second() {
    std::array<int, 2> fds{};
    cr_assert_eq(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds.data()), 0);
    far_end = Fd(fds[0]);
    crew.post(0, 1, letter::Queue{Fd(fds[1])});
    driver.mail_ready();
  }
  // As the packet loop does, once a read has ended.
  void reads_packet() {
    const auto room = driver.tun_room();
    cr_assert_eq(room.size(), 2u);
    std::ranges::fill(std::span(static_cast<std::uint8_t*>(room[0].iov_base), room[0].iov_len), 0);
    const auto p = packet();
    std::ranges::copy(p, static_cast<std::uint8_t*>(room[1].iov_base));
    driver.tun_read(static_cast<ssize_t>(room[0].iov_len + p.size()));
  }
  std::uint64_t dropped(Drop d) const {
    return engine.counters().drops[static_cast<std::size_t>(d)];
  }
};

}  // namespace

Test(worker_mail, a_packet_follows_what_was_said_while_it_was_read) {
  Second second;
  second.reads_packet();
  cr_assert_eq(second.dropped(Drop::no_route), 1u);
  second.crew.answer(0);
  (void)second.driver.tun_room();
  second.crew.post(0, 1, engine::Mail{engine::mail::Route{{kClient, {}}, 0}});
  second.reads_packet();
  const auto handed = second.crew.as_seen_by(0).from[1]->front();
  cr_assert(handed && handed->size == packet().size());
  cr_assert(second.crew.rung(0), "and its worker is woken");
  cr_assert_eq(second.dropped(Drop::no_route), 1u);
}

Test(worker_mail, it_takes_what_was_handed_to_it_when_its_bell_rings) {
  Second second;
  wire::Pool pool(1);
  wire::Slot slot = pool.take();
  const auto p = packet();
  std::ranges::copy(p, slot.packet_room().begin());
  engine::HandOver& box = *second.crew.as_seen_by(0).to[1];
  cr_assert(box.push(slot, {}, p.size()));
  second.crew.ring(1);
  second.driver.mail_ready();
  cr_assert(!box.front());
  cr_assert_eq(second.dropped(Drop::no_route), 1u, "it knows of no client");
  box.clear();
}
