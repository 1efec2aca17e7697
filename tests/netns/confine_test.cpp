// SPDX-License-Identifier: ISC
// What a process that is confined as the engine is can no longer do.

#include <fcntl.h>
#include <linux/futex.h>
#include <linux/if_tun.h>
#include <linux/io_uring.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <array>
#include <atomic>
#include <memory>
#include <thread>

#include "linux/tun.h"
#include "tests/netns/confine_lab.h"

using namespace vpnd;
using namespace vpnd::nl;
using namespace vpnd::test;

namespace {

long map(int protection, int flags, int fd) {
  return mmap(nullptr, 4096, protection, flags, fd, 0) == MAP_FAILED ? -1 : 0;
}

}  // namespace

TestSuite(confine, .init = test::fresh_netns);

Test(confine, no_program_and_no_process) {
  char name[] = "/bin/true";
  char* arguments[] = {name, nullptr};
  char* nothing[] = {nullptr};
  expect_forbidden("execve", [&] { return syscall(SYS_execve, name, arguments, nothing); });
  expect_forbidden("execveat",
                   [&] { return syscall(SYS_execveat, AT_FDCWD, name, arguments, nothing, 0); });
  const auto forked = [](long pid) {
    if (pid == 0) _exit(0);
    return pid;
  };
#ifdef SYS_fork
  expect_forbidden("fork", [&] { return forked(syscall(SYS_fork)); });
#endif
  expect_forbidden("clone", [&] { return forked(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)); });
  expect_forbidden(
      "clone3", [] { return syscall(SYS_clone3, nullptr, 0); }, EINVAL);
  expect_forbidden("unshare", [] { return syscall(SYS_unshare, CLONE_FILES); });
}

Test(confine, nothing_to_wait_for) {
  if (kSanitizerBuild) cr_skip_test("a sanitizer has locks of its own");
  int word = 0;
  const auto futex = [&](int operation) {
    return syscall(SYS_futex, &word, operation, 1, nullptr);
  };
  expect_allowed("futex wake", [=] { return futex(FUTEX_WAKE | FUTEX_PRIVATE_FLAG); });
  expect_forbidden(
      "futex wait", [=] { return futex(FUTEX_WAIT | FUTEX_PRIVATE_FLAG); }, EAGAIN);
}

// One that is started on the way makes a call when the rest of the way is done.
Test(confine, every_thread_is_limited_alike) {
  const auto ended = [parent = getpid()](const Call& call) {
    return in_child([&] {
      std::atomic<bool> running = false, limited = false;
      long result = 0;
      std::thread other;
      const auto start = [&] {
        other = std::thread([&] {
          running = true;
          while (!limited) {
          }
          result = call() < 0 ? errno : 0;
        });
        while (!running) {
        }
      };
      if (!nl::confine_engine(parent, start).calls_limited) return kNotLimited;
      limited = true;
      other.join();
      return static_cast<int>(result);
    });
  };
  cr_expect_eq(ended([] { return syscall(SYS_getpid); }), 0, "it can be waited for");
  cr_expect_eq(ended([] { return syscall(SYS_unshare, CLONE_FILES); }), kForbidden);
}

// Before any call is limited.
Test(confine, a_thread_that_is_started_on_the_way_opens_no_file) {
  const int opened = in_child([parent = getpid()] {
    int result = 0;
    const auto start = [&] {
      const auto try_it = [&] {
        result = open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0 ? errno : 0;
      };
      std::thread(try_it).join();
    };
    return nl::confine_engine(parent, start).files_denied ? result : kNotLimited;
  });
  if (opened == kNotLimited) cr_skip_test("this kernel has no Landlock");
  cr_expect_eq(opened, EACCES);
}

Test(confine, no_other_process_can_be_touched) {
  const pid_t other = getpid();
  expect_forbidden("ptrace", [] { return syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0); });
  expect_forbidden("kill", [=] { return syscall(SYS_kill, other, 0); });
  expect_forbidden("tgkill", [=] { return syscall(SYS_tgkill, other, other, 0); });
  expect_forbidden("tgkill itself", [] { return syscall(SYS_tgkill, getpid(), gettid(), 0); });
  const pid_t victim = child_that_stays([] {});
  const auto abort_it = [=] { return syscall(SYS_tgkill, victim, victim, SIGABRT); };
  cr_expect_eq(outcome(abort_it, true), kForbidden);
  kill(victim, SIGKILL);
  expect_forbidden("pidfd_open", [=] { return syscall(SYS_pidfd_open, other, 0); });
  int here = 0;
  iovec iov{&here, sizeof here};
  expect_forbidden("process_vm_writev", [&] {
    return syscall(SYS_process_vm_writev, other, &iov, 1UL, &iov, 1UL, 0UL);
  });
}

Test(confine, no_socket_of_its_own) {
  expect_forbidden("socket", [] { return syscall(SYS_socket, AF_INET, SOCK_STREAM, 0); });
  expect_forbidden("netlink", [] { return syscall(SYS_socket, AF_NETLINK, SOCK_RAW, 0); });
  int pair[2];
  expect_forbidden("socketpair",
                   [&] { return syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, pair); });
  const sockaddr_in to = loopback(9);
  const auto with_socket = [&to](long (*call)(int, const sockaddr_in&)) {
    const auto fd = std::make_shared<Fd>(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    return Call([=] { return call(fd->get(), to); });
  };
  expect_forbidden("connect", with_socket([](int fd, const sockaddr_in& a) {
                     return syscall(SYS_connect, fd, &a, sizeof a);
                   }));
  expect_forbidden("bind", with_socket([](int fd, const sockaddr_in& a) {
                     return syscall(SYS_bind, fd, &a, sizeof a);
                   }));
  expect_forbidden(
      "listen", with_socket([](int fd, const sockaddr_in&) { return syscall(SYS_listen, fd, 1); }),
      EOPNOTSUPP);
}

Test(confine, options_of_a_socket_but_for_four) {
  const Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto set = [&fd](int level, int option) {
    const int one = 1;
    return setsockopt(fd.get(), level, option, &one, sizeof one);
  };
  const auto get = [&fd](int level, int option) {
    std::array<char, 512> room{};
    socklen_t size = room.size();
    return getsockopt(fd.get(), level, option, room.data(), &size);
  };
  expect_forbidden("SO_MARK", [&] { return set(SOL_SOCKET, SO_MARK); });
  expect_forbidden("SO_BROADCAST", [&] { return set(SOL_SOCKET, SO_BROADCAST); });
  // 13 is TCP_CONGESTION on its own level, and SO_LINGER on another one.
  expect_forbidden(
      "SO_LINGER", [&] { return set(SOL_SOCKET, TCP_CONGESTION); }, EINVAL);
  // 25 is TCP_NOTSENT_LOWAT, and SO_BINDTODEVICE; there is no device of that name.
  expect_forbidden(
      "SO_BINDTODEVICE", [&] { return set(SOL_SOCKET, TCP_NOTSENT_LOWAT); }, ENODEV);
  expect_forbidden("TCP_NODELAY", [&] { return set(IPPROTO_TCP, TCP_NODELAY); });
  expect_forbidden("SO_COOKIE", [&] { return get(SOL_SOCKET, SO_COOKIE); });
  expect_allowed("SO_ERROR", [&] { return get(SOL_SOCKET, SO_ERROR); });
  expect_allowed("TCP_INFO", [&] { return get(IPPROTO_TCP, TCP_INFO); });
  expect_allowed("TCP_CONGESTION", [&] { return get(IPPROTO_TCP, TCP_CONGESTION); });
  expect_allowed("reno",
                 [&] { return setsockopt(fd.get(), IPPROTO_TCP, TCP_CONGESTION, "reno", 4); });
  expect_allowed("TCP_NOTSENT_LOWAT", [&] { return set(IPPROTO_TCP, TCP_NOTSENT_LOWAT); });
}

Test(confine, no_file_by_its_name) {
  if (kSanitizerBuild) cr_skip_test("a sanitizer's report is written to a file");
  expect_refused("openat", [] { return syscall(SYS_openat, AT_FDCWD, "/", O_RDONLY); });
  expect_forbidden(
      "openat2", [] { return syscall(SYS_openat2, AT_FDCWD, "/", nullptr, 0); }, EINVAL);
  expect_forbidden(
      "unlink", [] { return syscall(SYS_unlinkat, AT_FDCWD, "/none", 0); }, ENOENT);
  expect_forbidden("memfd_create", [] { return syscall(SYS_memfd_create, "x", 0); });
  expect_forbidden("chdir", [] { return syscall(SYS_chdir, "/"); });
}

Test(confine, nothing_that_can_be_run_is_mapped) {
  constexpr int kAnonymous = MAP_PRIVATE | MAP_ANONYMOUS;
  constexpr int kRead = PROT_READ, kRun = PROT_READ | PROT_EXEC;
  expect_allowed("mmap", [] { return map(PROT_READ | PROT_WRITE, kAnonymous, -1); });
  expect_forbidden("mmap to run", [] { return map(kRun, kAnonymous, -1); });
  void* page = mmap(nullptr, 4096, kRead, kAnonymous, -1, 0);
  expect_allowed("mprotect", [=] { return mprotect(page, 4096, kRead | PROT_WRITE); });
  expect_forbidden("mprotect to run", [=] { return mprotect(page, 4096, kRun); });
  const Fd file(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  expect_forbidden("a file to run", [&] { return map(kRun, MAP_PRIVATE, file.get()); });
  if (kSanitizerBuild) return;  // it reads the program's symbols
  expect_forbidden("a file", [&] { return map(kRead, MAP_PRIVATE, file.get()); });
}

// The keeper hands this descriptor over; its engine must not leave the device behind, or change
// what its packets look like.
Test(confine, the_device_cannot_be_changed) {
  const Tun tun = open_tun("t0");
  expect_refused("TUNSETPERSIST", [&] { return ioctl(tun.fd.get(), TUNSETPERSIST, 0UL); });
  expect_refused("TUNSETOFFLOAD", [&] { return ioctl(tun.fd.get(), TUNSETOFFLOAD, 0UL); });
  int size = 0;
  expect_refused("TUNGETVNETHDRSZ", [&] { return ioctl(tun.fd.get(), TUNGETVNETHDRSZ, &size); });
}

Test(confine, no_second_ring) {
  constexpr int kNoFd = 1'000'000;
  io_uring_params params{};
  const auto make = [&] { return syscall(SYS_io_uring_setup, 4, &params); };
  if (outcome(make, false) != 0) cr_skip_test("this kernel or container gives no io_uring");
  expect_forbidden("io_uring_setup", make);
  expect_forbidden(
      "io_uring_register", [] { return syscall(SYS_io_uring_register, kNoFd, 0, nullptr, 0); },
      EBADF);
}

Test(confine, nothing_is_undone) {
  expect_refused("prctl", [] { return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); });
  expect_forbidden("setuid", [] { return syscall(SYS_setuid, 0); });
  expect_forbidden(
      "seccomp", [] { return syscall(SYS_seccomp, 1, 0, nullptr); }, EFAULT);
  expect_forbidden(
      "bpf", [] { return syscall(SYS_bpf, -1, nullptr, 0); }, EINVAL);
}

// The same calls under other numbers would pass by a filter that knows one set of them.
#ifdef __x86_64__
Test(confine, x32_calls_are_refused) {
  constexpr long kX32 = 0x40000000;
  const Call call = [] { return syscall(kX32 | SYS_getpid); };
  cr_assert_neq(outcome(call, false), kKilled);
  cr_assert_eq(outcome(call, true), kKilled);
}

Test(confine, calls_of_32_bits_are_refused) {
  signal(SIGSEGV, SIG_DFL);  // a kernel without them; a sanitizer would report it
  const Call call = [] {
    long number = 20;  // getpid
    __asm__ volatile("int $0x80" : "+a"(number) : : "memory", "cc", "r8", "r9", "r10", "r11");
    return number;
  };
  if (outcome(call, false) != 0) cr_skip_test("this kernel has no 32-bit calls");
  cr_assert_eq(outcome(call, true), kKilled);
}
#endif
