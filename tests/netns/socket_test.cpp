// SPDX-License-Identifier: ISC
#include "linux/socket.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "core/base/error.h"
#include "tests/support/netns.h"

using namespace vpnd;
using namespace vpnd::nl;

namespace {

int option(const Fd& fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  (void)::getsockopt(fd.get(), level, name, &value, &size);
  return value;
}

void expect_options(const Fd& fd) {
  cr_assert_neq(::fcntl(fd.get(), F_GETFL) & O_NONBLOCK, 0);
  cr_assert_neq(::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC, 0);
  cr_assert_neq(option(fd, IPPROTO_TCP, TCP_NODELAY), 0);
  cr_assert_eq(option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT), 128 * 1024);
  cr_assert_eq(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 60000);
}

Fd accept_one(const Fd& listener, sockaddr_storage& from) {
  pollfd ready{listener.get(), POLLIN, 0};
  ::poll(&ready, 1, 3000);
  socklen_t size = sizeof from;
  return Fd(::accept4(listener.get(), reinterpret_cast<sockaddr*>(&from), &size, SOCK_CLOEXEC));
}

Endpoint at(const char* text) {
  return *Endpoint::parse(text);
}

Exit code_of(const Endpoint& e) {
  try {
    (void)listening_socket(e, false);
  } catch (const Error& error) {
    return error.code();
  }
  return Exit::ok;
}

}  // namespace

TestSuite(socket, .init = test::fresh_netns);

Test(socket, less_may_wait_in_one_for_a_slow_path) {
  const Fd listener = listening_socket(at("127.0.0.1:8443"), false);
  hold_unsent(listener.get(), 40'000);
  cr_assert_eq(option(listener, IPPROTO_TCP, TCP_NOTSENT_LOWAT), 40'000);
}

Test(socket, both_kinds_carry_the_options) {
  const Fd listener = listening_socket(at("127.0.0.1:8443"), false);
  expect_options(listener);
  const Fd dialled = dialling_socket(at("127.0.0.1:8443"), kDefaultFwmark);
  expect_options(dialled);
  cr_assert_eq(option(dialled, SOL_SOCKET, SO_MARK), 42069);
  sockaddr_storage from{};
  const Fd accepted = accept_one(listener, from);
  cr_assert(static_cast<bool>(accepted));
  cr_assert_neq(option(accepted, IPPROTO_TCP, TCP_NODELAY), 0, "not inherited");
  cr_assert_eq(option(accepted, IPPROTO_TCP, TCP_NOTSENT_LOWAT), 128 * 1024);
  cr_assert_eq(option(accepted, IPPROTO_TCP, TCP_USER_TIMEOUT), 60000);
  cr_assert_eq(congestion_control(accepted.get()), congestion_control(listener.get()));
  cr_assert_eq(from_sockaddr(from).address.text(), "127.0.0.1");
}

Test(socket, bbr_where_the_kernel_has_it_and_something_in_any_case) {
  const auto has =
      test::run_program({"cat", "/proc/sys/net/ipv4/tcp_available_congestion_control"});
  const Fd fd = listening_socket(at("127.0.0.1:8443"), false);
  const std::string used = congestion_control(fd.get());
  cr_assert(!used.empty());
  cr_assert_eq(used == "bbr", has.output.find("bbr") != std::string::npos, "%s", used.c_str());
  use_congestion_control(fd.get(), "no-such-thing");
  cr_assert_eq(congestion_control(fd.get()), used);
}

Test(socket, a_dual_listener_shows_v4_callers_as_v4) {
  const Fd listener = listening_socket(at("[::]:8443"), true);
  sockaddr_storage from{};
  const Fd four = dialling_socket(at("127.0.0.1:8443"), kDefaultFwmark);
  cr_assert(static_cast<bool>(accept_one(listener, from)));
  cr_assert_eq(from.ss_family, AF_INET6);
  cr_assert_eq(from_sockaddr(from).address.text(), "127.0.0.1");
  const Fd six = dialling_socket(at("[::1]:8443"), kDefaultFwmark);
  cr_assert(static_cast<bool>(accept_one(listener, from)));
  cr_assert_eq(from_sockaddr(from).address.text(), "::1");
}

Test(socket, a_v6_listener_leaves_v4_alone_unless_dual) {
  const Fd six = listening_socket(at("[::]:8443"), false);
  const Fd four = listening_socket(at("0.0.0.0:8443"), false);
  cr_assert(static_cast<bool>(four));
}

Test(socket, why_it_cannot_listen_is_told_by_the_code) {
  const Fd first = listening_socket(at("127.0.0.1:8443"), false);
  cr_assert(code_of(at("127.0.0.1:8443")) == Exit::temporary);
  cr_assert(code_of(at("203.0.113.9:8443")) == Exit::config);
  const int code = test::in_child([] {
    test::become_nobody();
    return code_of(at("127.0.0.1:443")) == Exit::permission ? 0 : 1;
  });
  if (code == 125) cr_skip_test("only one user is mapped here");
  cr_assert_eq(code, 0);
}

Test(socket, an_unprivileged_process_cannot_mark) {
  const int code = test::in_child([] {
    test::become_nobody();
    try {
      (void)dialling_socket(at("127.0.0.1:8443"), kDefaultFwmark);
    } catch (const Error& e) {
      return e.code() == Exit::permission ? 0 : 1;
    }
    return 2;
  });
  if (code == 125) cr_skip_test("only one user is mapped here");
  cr_assert_eq(code, 0);
}

Test(socket, no_way_there_is_unavailable) {
  try {
    (void)dialling_socket(at("192.0.2.1:443"), kDefaultFwmark);
    cr_assert_fail("there is no route");
  } catch (const Error& e) {
    cr_assert_eq(e.errnum(), ENETUNREACH);
    cr_assert(e.code() == Exit::unavailable);
  }
}

Test(socket, endpoints_survive_the_kernels_form) {
  for (const char* text : {"1.2.3.4:5", "255.255.255.255:65535", "[::1]:443", "[2001:db8::9]:1"}) {
    sockaddr_storage s{};
    const int size = to_sockaddr(at(text), s);
    cr_assert_eq(size, s.ss_family == AF_INET ? 16 : 28);
    cr_assert_eq(from_sockaddr(s).text(), text);
  }
}

Test(socket, a_message_brings_its_descriptors) {
  int pair[2];
  cr_assert_eq(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
  const Fd a(pair[0]);
  Fd b(pair[1]);
  std::array<char, 64> buffer{};
  cr_assert(!receive_message(a.get(), buffer.data(), buffer.size()).has_value());
  int pipe_ends[2];
  cr_assert_eq(::pipe2(pipe_ends, O_CLOEXEC), 0);
  const Fd in(pipe_ends[0]), out(pipe_ends[1]);
  std::array<int, 8> eight;
  eight.fill(out.get());
  send_message(b.get(), "hello", 5, eight.data(), eight.size());
  send_message(b.get(), "again", 5);
  auto got = receive_message(a.get(), buffer.data(), buffer.size());
  cr_assert_eq(got->size, 5u);
  cr_assert_eq(got->fds.size(), 8u);
  for (const Fd& fd : got->fds) cr_assert_neq(::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC, 0);
  cr_assert_eq(::write(got->fds[7].get(), "x", 1), 1);
  cr_assert_eq(::read(in.get(), buffer.data(), 1), 1);
  got = receive_message(a.get(), buffer.data(), buffer.size());
  cr_assert_eq(got->size, 5u);
  cr_assert(got->fds.empty());
  send_message(b.get(), "much longer", 11);
  cr_assert_eq(receive_message(a.get(), buffer.data(), 4)->size, 11u, "cut, and not told");
  std::array<int, 9> nine;
  nine.fill(out.get());
  cr_assert_throw(send_message(b.get(), "x", 1, nine.data(), nine.size()), Error);
  b.reset();
  cr_assert_eq(receive_message(a.get(), buffer.data(), buffer.size())->size, 0u);
  cr_assert_throw(send_message(a.get(), "x", 1), Error);
}

Test(socket, a_descriptor_is_closed_once_and_can_be_doubled) {
  Fd fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int number = fd.get();
  const Fd copy = fd.duplicate();
  cr_assert_neq(copy.get(), number);
  cr_assert_neq(::fcntl(copy.get(), F_GETFD) & FD_CLOEXEC, 0);
  Fd moved = std::move(fd);
  cr_assert_eq(moved.get(), number);
  moved.reset();
  cr_assert_eq(::fcntl(number, F_GETFD), -1);
  cr_assert_throw((void)moved.duplicate(), Error);
}
