// SPDX-License-Identifier: ISC
// What a process that is confined as the engine is can still do; and what ring, Landlock and the
// loss of rights refuse when nothing else does.

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "linux/landlock.h"
#include "linux/ring.h"
#include "tests/netns/confine_lab.h"

using namespace vpnd;
using namespace vpnd::nl;
using namespace vpnd::test;
using namespace std::chrono_literals;

namespace {

struct Pair {
  Fd a, b;
  explicit Pair(int type = SOCK_STREAM) {
    int fds[2];
    cr_assert_eq(socketpair(AF_UNIX, type, 0, fds), 0);
    a.reset(fds[0]);
    b.reset(fds[1]);
  }
};

// A ring cannot be carried into a child; so all of it happens there.
int in_confined_ring(const std::function<int(Ring&)>& body) {
  const pid_t parent = getpid();
  return test::in_child([&] {
    auto ring = Ring::make(32);
    if (!ring || !ring->enable() || !ring->restricted()) return 123;
    if (!confine_engine(parent).calls_limited) return kNotLimited;
    return body(*ring);
  });
}

int complete(Ring& ring) {
  int result = -ETIME;
  if (!ring.wait(1s)) return -EIO;
  ring.completions([&result](std::uint64_t, int r) { result = r; });
  return result;
}

// With no more than Landlock: 0, its errno, or 123 if there is none.
int denied(const Call& call) {
  return test::in_child([&] {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 122;
    if (!deny_files()) return 123;
    errno = 0;
    return call() < 0 ? errno : 0;
  });
}

long landlock_version() {
  return syscall(SYS_landlock_create_ruleset, nullptr, 0, 1);  // LANDLOCK_CREATE_RULESET_VERSION
}

}  // namespace

TestSuite(confined, .init = test::fresh_netns);

Test(confined, what_the_loops_use_works) {
  const Pair stream, packets(SOCK_SEQPACKET);
  char text[] = "hello", room[16];
  iovec iov{text, 5}, back{room, sizeof room};
  msghdr out{};
  out.msg_iov = &iov;
  out.msg_iovlen = 1;
  const Fd file(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  expect_allowed("writev, readv", [&] {
    return writev(stream.a.get(), &iov, 1) == 5 && readv(stream.b.get(), &back, 1) == 5 ? 0 : -1;
  });
  expect_allowed("sendmsg, recv", [&] {
    return sendmsg(stream.a.get(), &out, MSG_NOSIGNAL) == 5 &&
                   recv(stream.b.get(), room, sizeof room, MSG_DONTWAIT) == 5
               ? 0
               : -1;
  });
  expect_allowed("send, recvmsg", [&] {
    msghdr in{};
    in.msg_iov = &back;
    in.msg_iovlen = 1;
    return send(packets.a.get(), text, 5, MSG_DONTWAIT) == 5 &&
                   recvmsg(packets.b.get(), &in, MSG_CMSG_CLOEXEC) == 5
               ? 0
               : -1;
  });
  expect_allowed("pread", [&] { return pread(file.get(), room, sizeof room, 0); });
  expect_allowed("getrandom", [&] { return getrandom(room, sizeof room, 0); });
  expect_allowed("epoll", [&] {
    const Fd epoll(epoll_create1(EPOLL_CLOEXEC));
    epoll_event e{};
    e.events = EPOLLOUT;
    if (epoll_ctl(epoll.get(), EPOLL_CTL_ADD, stream.a.get(), &e) < 0) return -1;
    return epoll_wait(epoll.get(), &e, 1, 0);
  });
  expect_allowed("shutdown", [&] { return shutdown(stream.a.get(), SHUT_RDWR); });
  expect_allowed("memory", [] {
    std::vector<char> grown;
    for (int i = 0; i < 24; ++i) grown.resize(std::size_t{1} << i);
    return mlock(grown.data(), 4096);
  });
  expect_allowed("a throw", [] {
    try {
      throw std::bad_alloc();
    } catch (const std::bad_alloc&) {
      return 0;
    }
  });
}

Test(confined, accepts_from_a_passed_listener) {
  const Fd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in at = loopback(0);
  socklen_t size = sizeof at;
  auto* address = reinterpret_cast<sockaddr*>(&at);
  cr_assert_eq(bind(listener.get(), address, size), 0);
  cr_assert_eq(listen(listener.get(), 4), 0);
  cr_assert_eq(getsockname(listener.get(), address, &size), 0);
  const Fd first(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const Fd second(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  cr_assert_eq(connect(first.get(), address, size), 0);
  cr_assert_eq(connect(second.get(), address, size), 0);
  expect_allowed("accept4", [&] { return accept4(listener.get(), nullptr, nullptr, 0); });
}

Test(confined, a_failed_assertion_is_a_failed_assertion) {
  cr_assert_eq(outcome([]() -> long { std::abort(); }, true), 128 + SIGABRT);
  cr_assert_eq(outcome([] { return write(STDERR_FILENO, "", 0); }, true), 0);
  const Fd null(open("/dev/null", O_WRONLY | O_CLOEXEC));
  if (!kSanitizerBuild) {
    expect_forbidden("write", [&] { return write(null.get(), "x", 1); });
  }
}

Test(confined, a_ring_does_no_more_than_before) {
  const int works = in_confined_ring([](Ring& ring) {
    char room[16];
    iovec iov{room, sizeof room};
    io_uring_prep_readv(&ring.sqe(), -1, &iov, 1, 0);
    return -complete(ring);
  });
  if (works == 123) cr_skip_test("this kernel or container gives no ring that can be restricted");
  cr_assert_eq(works, EBADF, "an allowed operation gives %d", works);
  const int last = in_confined_ring([](Ring& ring) {
    constexpr std::array<int, 5> kAllowed{IORING_OP_READV, IORING_OP_SENDMSG, IORING_OP_RECV,
                                          IORING_OP_POLL_ADD, IORING_OP_ASYNC_CANCEL};
    for (int op = 0; op < 64; ++op) {
      if (std::find(kAllowed.begin(), kAllowed.end(), op) != kAllowed.end()) continue;
      io_uring_sqe& e = ring.sqe();
      io_uring_prep_rw(static_cast<std::uint8_t>(op), &e, -1, nullptr, 0, 0);
      const int result = complete(ring);
      if (result != -EACCES && result != -EINVAL) return op + 1;
    }
    return 0;
  });
  cr_assert_eq(last, 0, "operation %d passed", last - 1);
}

// The filter would hide it.
Test(confined, landlock_alone_denies_files) {
  if (kSanitizerBuild) cr_skip_test("a sanitizer's report is written to a file");
  const Fd file(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  const std::string folder = test::temporary_directory();
  const std::string fresh = folder + "/x";
  const auto make = [&] { return open(fresh.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600); };
  const int made = denied(make);
  if (made == 123) cr_skip_test("this kernel has no Landlock");
  cr_assert_eq(made, EACCES);
  cr_assert_eq(outcome(make, false), 0);
  cr_assert_eq(denied([] { return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC); }), EACCES);
  cr_assert_eq(denied([&] { return unlink(fresh.c_str()); }), EACCES);
  cr_assert_eq(denied([&] { return mkdirat(AT_FDCWD, (folder + "/y").c_str(), 0700); }), EACCES);
  char byte = 0;
  cr_assert_eq(denied([&] { return pread(file.get(), &byte, 1, 0); }), 0, "a passed descriptor");
}

Test(confined, landlock_alone_denies_connections) {
  if (kSanitizerBuild) cr_skip_test("a sanitizer's report is written to a file");
  if (landlock_version() < 4) cr_skip_test("this kernel's Landlock knows no sockets");
  const sockaddr_in nobody = loopback(9), any = loopback(0);
  const auto with_socket = [](int (*call)(int, const sockaddr*, socklen_t), const sockaddr_in& a) {
    const auto fd = std::make_shared<Fd>(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    return Call([=] { return call(fd->get(), reinterpret_cast<const sockaddr*>(&a), sizeof a); });
  };
  cr_assert_eq(outcome(with_socket(connect, nobody), false), ECONNREFUSED);
  cr_assert_eq(denied(with_socket(connect, nobody)), EACCES);
  cr_assert_eq(outcome(with_socket(bind, any), false), 0);
  cr_assert_eq(denied(with_socket(bind, any)), EACCES);
}

Test(confined, landlock_alone_denies_signals) {
  if (kSanitizerBuild) cr_skip_test("a sanitizer's report is written to a file");
  if (landlock_version() < 6) cr_skip_test("this kernel's Landlock knows no signals");
  const pid_t other = getpid();
  const auto ask = [=] { return kill(other, 0); };
  cr_assert_eq(outcome(ask, false), 0);
  cr_assert_eq(denied(ask), EPERM);
  cr_assert_eq(denied([] { return kill(getpid(), 0); }), 0, "itself");
}

Test(confined, leaves_nothing_of_a_superuser) {
  const pid_t parent = getpid();
  const int said = test::in_child([&] {
    const Fd status(open("/proc/self/status", O_RDONLY | O_CLOEXEC));
    (void)confine_engine(parent);
    std::string text(8192, '\0');
    const auto n = pread(status.get(), text.data(), text.size(), 0);
    if (n <= 0) return 1;
    for (const char* line : {"CapInh:\t0000000000000000", "CapPrm:\t0000000000000000",
                             "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000",
                             "CapAmb:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"}) {
      if (text.find(line) == std::string::npos) return 2;
    }
    return 0;
  });
  cr_assert_eq(said, 0, "%d", said);
}
