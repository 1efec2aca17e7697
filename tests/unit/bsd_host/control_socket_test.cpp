// SPDX-License-Identifier: ISC
// Nobody at the control socket makes the keeper wait, or keep more than a little.
#include "bsd/control_socket.h"

#include <criterion/criterion.h>
#include <sys/socket.h>

#include <algorithm>

#include "bsd/clocks.h"
#include "bsd/control_words.h"
#include "bsd/local_socket.h"
#include "tests/unit/bsd_host/host_lab.h"

using namespace vpnd;
using namespace vpnd::bsd;
using namespace vpnd::test;

namespace {

struct Desk {
  Bench bench;
  TimePoint now = read_clocks().mono;
  ControlSocket socket{bench.places.run, "tun0", std::nullopt};

  Fd connect() const {
    Fd fd = connect_locally(control_path(bench.places.run, "tun0"));
    cr_assert(static_cast<bool>(fd));
    return fd;
  }
  Fd request(std::string_view line) const {
    Fd fd = connect();
    cr_assert_eq(send(fd.get(), line.data(), line.size(), 0), static_cast<ssize_t>(line.size()));
    return fd;
  }
  // Those who are served.
  std::size_t served() const {
    std::vector<pollfd> fds;
    socket.watch(fds);
    return fds.size() - 1;
  }
  void announce(const std::string& line) {
    socket.announce(line, now, [](std::uint64_t n) { return "missed " + std::to_string(n); });
  }
};

std::string heard(const Fd& fd) {
  std::string out;
  ByteArray<4096> room;
  for (;;) {
    const auto n = recv(fd.get(), room.data(), room.size(), 0);
    if (n <= 0) return out;
    out.append(room.begin(), room.begin() + n);
  }
}

bool hung_up(const Fd& fd) {
  char byte = 0;
  return recv(fd.get(), &byte, 1, 0) == 0;
}

}  // namespace

// Each looks first whether somebody answers, and hangs up: who comes in between is not counted
// twice.
Test(bsd_control, a_burst_of_readers_is_let_in) {
  Desk d;
  std::vector<Fd> readers;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 4; ++i) {
      d.connect().reset();
      readers.push_back(d.request("events\n"));
    }
    d.socket.serve(d.now);
  }
  cr_assert_eq(d.served(), ControlSocket::kMostReaders);
  const Fd ninth = d.request("events\n");
  d.socket.serve(d.now);
  cr_assert(hung_up(ninth));
  cr_assert_eq(d.served(), ControlSocket::kMostReaders);
  d.socket.greet("hello", d.now);
  d.announce("news");
  for (const Fd& fd : readers) cr_assert_eq(heard(fd), "hello\nnews\n");
  // One that goes makes room.
  readers.pop_back();
  d.socket.serve(d.now);
  readers.push_back(d.request("events\n"));
  d.socket.serve(d.now);
  cr_assert_eq(d.served(), ControlSocket::kMostReaders);
}

Test(bsd_control, who_says_nothing_is_not_waited_for) {
  Desk d;
  std::vector<Fd> silent;
  for (std::size_t i = 0; i < ControlSocket::kMostClients + 3; ++i) silent.push_back(d.connect());
  d.socket.serve(d.now);
  cr_assert_eq(d.served(), ControlSocket::kMostClients);
  cr_assert(hung_up(silent.back()));
  cr_assert(d.socket.next_deadline() > d.now);
  d.now = d.socket.next_deadline();
  d.socket.serve(d.now);
  cr_assert_eq(d.served(), 0u);
  const Fd fd = d.request("status\n");
  d.socket.serve(d.now);
  cr_assert(d.socket.asked(Request::status));
  d.socket.answer(Request::status, "{}");
  cr_assert_eq(heard(fd), "{}");
  cr_assert(hung_up(fd), "nothing wakes the keeper for that");
  cr_assert_eq(d.served(), 0u);
}

Test(bsd_control, a_request_is_one_known_line) {
  Desk d;
  const Fd nonsense = d.request("statusx\n"), endless = d.request(std::string(4096, 'a'));
  d.socket.serve(d.now);
  d.socket.serve(d.now);
  cr_assert(hung_up(nonsense));
  cr_assert_eq(d.served(), 0u);
  const Fd halves = d.request("sta");
  d.socket.serve(d.now);
  cr_assert(!d.socket.asked(Request::status));
  cr_assert_eq(send(halves.get(), "tus\n", 4, 0), 4);
  d.socket.serve(d.now);
  cr_assert(d.socket.asked(Request::status));
}

Test(bsd_control, a_reader_that_is_slow_is_told_what_it_missed_and_one_that_is_gone_is_dropped) {
  Desk d;
  const Fd slow = d.request("events\n");
  d.socket.serve(d.now);
  d.socket.greet("hello", d.now);
  const std::string line(1000, 'x');
  for (int i = 0; i < 3000; ++i) d.announce(line);
  const std::string first = heard(slow);
  cr_assert_lt(first.size(), 3000u * 1001);
  d.socket.serve(d.now);
  (void)heard(slow);
  d.announce("last");
  const std::string end = heard(slow);
  cr_assert(end.starts_with("missed ") && end.ends_with("\nlast\n"), "%s", end.c_str());
  for (int i = 0; i < 3000; ++i) d.announce(line);
  d.now = d.socket.next_deadline();
  cr_assert(d.now != kNever);
  d.socket.serve(d.now);
  cr_assert_eq(d.served(), 0u);
}

Test(bsd_control, who_asks_for_the_end_hears_of_it_by_the_end) {
  std::optional<Desk> d(std::in_place);
  const Fd fd = d->request("stop\n");
  d->socket.serve(d->now);
  cr_assert(d->socket.take(Request::stop) && !d->socket.take(Request::stop));
  d->socket.serve(d->now);
  cr_assert_eq(heard(fd), kStopping);
  cr_assert(!hung_up(fd));
  cr_assert_eq(d->served(), 0u);
}
