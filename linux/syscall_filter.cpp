// SPDX-License-Identifier: ISC
#include "linux/syscall_filter.h"
#include "core/base/sanitizer_build.h"

#include <linux/futex.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace vpnd::nl {
namespace {

using Condition = scmp_arg_cmp;

struct Call {
  int number;
  std::vector<Condition> only_if = {};  // all of them
};
using Calls = std::vector<Call>;

// Arguments are ints to the kernel; what a register holds above those is anybody's.
Condition is(unsigned argument, int value) {
  return {argument, SCMP_CMP_MASKED_EQ, 0xffffffff, static_cast<std::uint32_t>(value)};
}
Condition has(unsigned argument, int bit) {
  const auto b = static_cast<std::uint32_t>(bit);
  return {argument, SCMP_CMP_MASKED_EQ, b, b};
}
Condition lacks(unsigned argument, int bit) {
  return {argument, SCMP_CMP_MASKED_EQ, static_cast<std::uint32_t>(bit), 0};
}

Calls packet_calls() {
  return {
      {SCMP_SYS(io_uring_enter)},  // most of the work, where there is a ring
      {SCMP_SYS(readv)},           // the device: packets out of it; a worker's bell
      {SCMP_SYS(writev)},          // the device: packets into it; a worker's bell
      {SCMP_SYS(recvfrom)},        // carriers: recv()
      {SCMP_SYS(recv)},            // the same, on 32-bit Arm
      {SCMP_SYS(sendmsg)},         // carriers, without a ring
      {SCMP_SYS(sendto)},          // the keeper: send()
      {SCMP_SYS(send)},            // the same, on 32-bit Arm
      {SCMP_SYS(recvmsg)},         // the keeper, with descriptors
      {SCMP_SYS(pread64)},         // a client list that was changed, by its descriptor
      {SCMP_SYS(accept4)},         // clients; from a listener that the keeper made
      {SCMP_SYS(shutdown)},        // the end of a carrier
      {SCMP_SYS(close)},           // likewise
      {SCMP_SYS(epoll_create1)},   // waiting without a ring
      {SCMP_SYS(epoll_ctl)},       // likewise
      {SCMP_SYS(epoll_wait)},      // likewise
      {SCMP_SYS(epoll_pwait)},     // what epoll_wait() is on Arm
      {SCMP_SYS(clock_gettime)},   // where the vDSO cannot read the clock
      {SCMP_SYS(clock_gettime64)},
      {SCMP_SYS(getrandom)},  // handshakes
      // How an attempt to connect ended; what a carrier knows of its path, its congestion control,
      // and the two things about it that may be changed.
      {SCMP_SYS(getsockopt), {is(1, SOL_SOCKET), is(2, SO_ERROR)}},
      {SCMP_SYS(getsockopt), {is(1, IPPROTO_TCP), is(2, TCP_INFO)}},
      {SCMP_SYS(getsockopt), {is(1, IPPROTO_TCP), is(2, TCP_CONGESTION)}},
      {SCMP_SYS(setsockopt), {is(1, IPPROTO_TCP), is(2, TCP_CONGESTION)}},
      {SCMP_SYS(setsockopt), {is(1, IPPROTO_TCP), is(2, TCP_NOTSENT_LOWAT)}},
  };
}

// Neither files nor anything that can be run is mapped.
Calls memory_calls() {
  return {
      {SCMP_SYS(brk)},                                                  // malloc()
      {SCMP_SYS(mmap), {lacks(2, PROT_EXEC), has(3, MAP_ANONYMOUS)}},   // likewise
      {SCMP_SYS(mmap2), {lacks(2, PROT_EXEC), has(3, MAP_ANONYMOUS)}},  // on 32 bits
      {SCMP_SYS(mremap)},                                               // realloc()
      {SCMP_SYS(munmap)},                                               // free()
      {SCMP_SYS(mprotect), {lacks(2, PROT_EXEC)}},                      // guard pages of keys
      {SCMP_SYS(madvise)},                                              // keys: no core dump
      {SCMP_SYS(mlock)},                                                // keys: no swap
      {SCMP_SYS(futex), {is(1, FUTEX_WAKE | FUTEX_PRIVATE_FLAG)}},      // pthread_once()
  };
}

// malloc() and the store of keys have locks; a thread that has ended is waited for.
Calls thread_calls() {
  Calls out;
  for (const int call : {SCMP_SYS(futex), SCMP_SYS(futex_time64)}) {
    out.push_back({call, {is(1, FUTEX_WAIT | FUTEX_PRIVATE_FLAG)}});
    out.push_back({call, {is(1, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME)}});
  }
  return out;
}

// Ends, good and bad ones.
Calls ending_calls() {
  const int self = getpid();
  return {
      {SCMP_SYS(exit_group)},
      {SCMP_SYS(exit)},
      {SCMP_SYS(write), {is(0, STDERR_FILENO)}},          // an assertion's last words
      {SCMP_SYS(getpid)},                                 // abort()
      {SCMP_SYS(gettid)},                                 // likewise
      {SCMP_SYS(rt_sigprocmask)},                         // likewise
      {SCMP_SYS(tgkill), {is(0, self), is(2, SIGABRT)}},  // likewise
      {SCMP_SYS(restart_syscall)},                        // the kernel's own, after SIGCONT
  };
}

// What a C library may try, and can do without.
Calls refused_calls() {
  return {
      {SCMP_SYS(openat)},            // messages in other languages, the number of processors
      {SCMP_SYS(open)},              // the same, in older ones
      {SCMP_SYS(newfstatat)},        // stdio, before it writes for the first time
      {SCMP_SYS(fstat)},             // likewise
      {SCMP_SYS(ioctl)},             // likewise: is it a terminal?
      {SCMP_SYS(prctl)},             // malloc(), to give its memory a name
      {SCMP_SYS(sched_getaffinity)}  // malloc(), the number of processors
  };
}

// What the report of a fault takes: its file, the memory map, the program's own symbols, and ways
// to find out whether memory can be read. No process is made; whoever would need one says so.
Calls sanitizer_calls() {
  std::istringstream names(
      "openat open read write lseek newfstatat fstat stat lstat statx access faccessat "
      "faccessat2 readlink readlinkat getcwd getdents64 fcntl dup dup2 pipe pipe2 mkdir "
      "process_vm_readv futex sched_yield sched_getaffinity nanosleep clock_nanosleep "
      "getuid geteuid getppid uname sysinfo getrlimit prlimit64 sigaltstack rt_sigaction "
      "rt_sigreturn");
  Calls calls = {{SCMP_SYS(mmap), {lacks(2, PROT_EXEC)}}};
  for (std::string name; names >> name;) {
    calls.push_back({seccomp_syscall_resolve_name(name.c_str())});
  }
  return calls;
}

class Filter {
 public:
  explicit Filter(std::uint32_t otherwise) noexcept
      : context_(seccomp_init(otherwise), seccomp_release), good_(context_ != nullptr) {}

  void set(scmp_filter_attr what, std::uint32_t value) noexcept {
    good_ = good_ && seccomp_attr_set(context_.get(), what, value) == 0;
  }
  void add(std::uint32_t action, const Calls& calls) noexcept {
    for (const Call& c : calls) {
      if (!good_) return;
      const int result =
          seccomp_rule_add_array(context_.get(), action, c.number,
                                 static_cast<unsigned>(c.only_if.size()), c.only_if.data());
      good_ = result == 0 || result == -EDOM;  // EDOM: no such call on this architecture
    }
  }
  bool load() noexcept { return good_ && seccomp_load(context_.get()) == 0; }

 private:
  std::unique_ptr<void, decltype(&seccomp_release)> context_;
  bool good_;
};

}  // namespace

bool limit_system_calls(Threads threads) {
  Filter filter(kSanitizerBuild ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_KILL_PROCESS);
  filter.set(SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  filter.set(SCMP_FLTATR_CTL_OPTIMIZE, 2);  // a tree: every packet passes here
  if (threads == Threads::several) {
    filter.set(SCMP_FLTATR_CTL_TSYNC, 1);
    filter.add(SCMP_ACT_ALLOW, thread_calls());
  }
  filter.add(SCMP_ACT_ALLOW, packet_calls());
  filter.add(SCMP_ACT_ALLOW, memory_calls());
  filter.add(SCMP_ACT_ALLOW, ending_calls());
  filter.add(kSanitizerBuild ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM),
             kSanitizerBuild ? sanitizer_calls() : refused_calls());
  return filter.load();
}

}  // namespace vpnd::nl
