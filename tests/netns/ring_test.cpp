// SPDX-License-Identifier: ISC
// The ring's restrictions against the real kernel: what the driver needs works, everything else is
// refused. Without a ring there is nothing to prove, and the test says so.

#include "linux/ring.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

using namespace vpnd;
using namespace vpnd::nl;
using namespace std::chrono_literals;

namespace {

Ring ring_or_skip() {
  auto ring = Ring::make(32);
  if (!ring || !ring->enable()) cr_skip_test("this kernel or container gives no io_uring");
  if (!ring->restricted()) cr_skip_test("this kernel cannot restrict a ring");
  return std::move(*ring);
}

int outcome(Ring& ring) {
  int result = -ETIME;
  cr_assert(ring.wait(1s));
  ring.completions([&result](std::uint64_t, int r) { result = r; });
  return result;
}

}  // namespace

Test(ring, what_the_driver_uses_works) {
  Ring ring = ring_or_skip();
  int pair[2];
  cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  char text[] = "hello", back[8] = {};
  iovec iov{text, 5};
  msghdr message{};
  message.msg_iov = &iov;
  message.msg_iovlen = 1;
  io_uring_prep_sendmsg(&ring.sqe(), pair[0], &message, MSG_NOSIGNAL);
  cr_assert_eq(outcome(ring), 5);
  io_uring_prep_poll_add(&ring.sqe(), pair[1], POLLIN);
  cr_assert_eq(outcome(ring) & POLLIN, POLLIN);
  io_uring_prep_recv(&ring.sqe(), pair[1], back, 2, 0);
  cr_assert_eq(outcome(ring), 2);
  iovec rest{back + 2, 3};
  io_uring_prep_readv(&ring.sqe(), pair[1], &rest, 1, 0);
  cr_assert_eq(outcome(ring), 3);
  cr_assert_str_eq(back, "hello");
  io_uring_prep_cancel64(&ring.sqe(), 99, 0);
  cr_assert_eq(outcome(ring), -ENOENT);
}

Test(ring, opening_a_file_is_refused) {
  Ring ring = ring_or_skip();
  io_uring_prep_openat(&ring.sqe(), AT_FDCWD, "/etc/hostname", O_RDONLY, 0);
  cr_assert_eq(outcome(ring), -EACCES);
}

Test(ring, making_and_connecting_sockets_is_refused) {
  Ring ring = ring_or_skip();
  io_uring_prep_socket(&ring.sqe(), AF_INET, SOCK_STREAM, 0, 0);
  cr_assert_eq(outcome(ring), -EACCES);
  sockaddr address{};
  io_uring_prep_connect(&ring.sqe(), 0, &address, sizeof address);
  cr_assert_eq(outcome(ring), -EACCES);
}

Test(ring, no_operation_outside_the_list_passes) {
  Ring ring = ring_or_skip();
  constexpr std::array<std::uint8_t, 5> kAllowed{IORING_OP_READV, IORING_OP_SENDMSG, IORING_OP_RECV,
                                                 IORING_OP_POLL_ADD, IORING_OP_ASYNC_CANCEL};
  for (std::uint8_t op = 0; op < 64; ++op) {
    if (std::find(kAllowed.begin(), kAllowed.end(), op) != kAllowed.end()) continue;
    io_uring_sqe& e = ring.sqe();
    io_uring_prep_rw(op, &e, -1, nullptr, 0, 0);
    const int result = outcome(ring);
    cr_assert(result == -EACCES || result == -EINVAL, "operation %u gave %d", op, result);
  }
}

Test(ring, flags_that_chain_operations_are_refused) {
  Ring ring = ring_or_skip();
  int pair[2];
  cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  for (const unsigned flag : {IOSQE_IO_LINK, IOSQE_ASYNC, IOSQE_IO_DRAIN}) {
    io_uring_sqe& e = ring.sqe();
    io_uring_prep_poll_add(&e, pair[0], POLLOUT);
    e.flags = static_cast<std::uint8_t>(flag);
    cr_assert_eq(outcome(ring), -EACCES, "flag %u", flag);
  }
}

Test(ring, nothing_can_be_registered_any_more) {
  Ring ring = ring_or_skip();
  const int fd = STDIN_FILENO;
  errno = 0;
  const auto r = syscall(__NR_io_uring_register, ring.fd(), IORING_REGISTER_FILES, &fd, 1);
  cr_assert_eq(r, -1);
  cr_assert_eq(errno, EACCES);
}

Test(ring, waiting_ends_when_the_time_has_come) {
  Ring ring = ring_or_skip();
  cr_assert(ring.wait(1ms));
}
