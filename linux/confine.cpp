// SPDX-License-Identifier: ISC
#include "linux/confine.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/error.h"
#include "linux/landlock.h"
#include "linux/syscall_filter.h"

namespace vpnd::nl {
namespace {

constexpr uid_t kNobody = 65534;
constexpr rlim_t kLockedMemory = 64 << 20;  // the keys of many thousand clients

constexpr std::uint64_t bit(int capability) noexcept {
  return std::uint64_t{1} << capability;
}
constexpr std::uint64_t kAnyKeeper = bit(CAP_NET_ADMIN);
constexpr std::uint64_t kRootKeeper =
    kAnyKeeper | bit(CAP_SETUID) | bit(CAP_SETGID) | bit(CAP_KILL);

struct Capabilities {
  std::uint64_t effective = 0, permitted = 0, inheritable = 0;
};

// The kernel takes and gives each set in two halves.
using Halves = std::array<__user_cap_data_struct, 2>;

__user_cap_header_struct cap_header() noexcept {
  __user_cap_header_struct header{};
  header.version = _LINUX_CAPABILITY_VERSION_3;
  return header;
}

Capabilities capabilities() {
  auto header = cap_header();
  Halves halves{};
  if (syscall(SYS_capget, &header, halves.data()) < 0) throw Error("look at capabilities", errno);
  const auto both = [](std::uint32_t low, std::uint32_t high) {
    return std::uint64_t{high} << 32 | low;
  };
  return {both(halves[0].effective, halves[1].effective),
          both(halves[0].permitted, halves[1].permitted),
          both(halves[0].inheritable, halves[1].inheritable)};
}

// Nothing is inheritable afterwards, and so nothing ambient.
void set_capabilities(std::uint64_t effective, std::uint64_t permitted) {
  auto header = cap_header();
  Halves halves{};
  for (std::size_t i = 0; i < halves.size(); ++i) {
    halves[i].effective = static_cast<std::uint32_t>(effective >> 32 * i);
    halves[i].permitted = static_cast<std::uint32_t>(permitted >> 32 * i);
  }
  if (syscall(SYS_capset, &header, halves.data()) < 0) throw Error("give up capabilities", errno);
}

// In a user namespace without a mapping for it there is no such user: EINVAL.
bool drop_user() noexcept {
  if (geteuid() != 0) return false;
  if (setgroups(0, nullptr) < 0 && errno != EPERM) return false;
  if (setresgid(kNobody, kNobody, kNobody) < 0) return false;
  return setresuid(kNobody, kNobody, kNobody) == 0;
}

// No program that is run from here on has more rights than its caller. The bounding set takes a
// capability to be emptied, which an ordinary user lacks; no_new_privs takes none.
void gain_nothing() {
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) throw Error("set no_new_privs", errno);
  for (int cap = 0; cap <= 63; ++cap) prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

void become_unreadable() {
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) throw Error("become unreadable", errno);
}

// By the capabilities that are in effect, and not by who started us.
bool all_open(std::span<const std::string> folders, int access) noexcept {
  return std::ranges::all_of(folders, [access](const std::string& folder) {
    return faccessat(AT_FDCWD, folder.c_str(), access, AT_EACCESS) == 0 || errno != EACCES;
  });
}

// Whether the user was dropped.
bool give_up_rights(pid_t parent, bool another_user) {
  gain_nothing();
  const bool dropped = another_user && drop_user();
  set_capabilities(0, 0);
  const Capabilities left = capabilities();
  if ((left.effective | left.permitted | left.inheritable) != 0) {
    throw Error("this process still has capabilities");
  }
  become_unreadable();
  // Changing the user clears it, so it comes after that; the parent may have died before.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) throw Error("follow the keeper", errno);
  if (getppid() != parent) throw Error("the keeper is gone");
  return dropped;
}

}  // namespace

void close_others(std::vector<int> keep) noexcept {
  std::ranges::sort(keep);
  unsigned from = 3;
  for (const int fd : keep) {
    if (fd < 3) continue;
    const auto at = static_cast<unsigned>(fd);
    if (at > from) close_range(from, at - 1, 0);
    from = std::max(from, at + 1);
  }
  close_range(from, ~0u, 0);
}

Confined confine_engine(pid_t parent, const std::function<void()>& start_threads) {
  Confined out;
  out.user_dropped = give_up_rights(parent, true);
  out.files_denied = deny_files();
  if (start_threads) start_threads();
  out.calls_limited = limit_system_calls(start_threads ? Threads::several : Threads::one);
  return out;
}

void confine_helper(pid_t parent) {
  (void)give_up_rights(parent, false);
}

void confine_keeper(const KeeperFolders& folders) {
  gain_nothing();
  const std::uint64_t had = capabilities().permitted;
  const bool root = geteuid() == 0;
  std::uint64_t needed = root ? kRootKeeper : kAnyKeeper;
  // What may be needed goes out of effect first, to see whether it is missed.
  set_capabilities(had & needed, had);
  if (root && (!all_open(folders.searched, X_OK) || !all_open(folders.read, R_OK))) {
    needed |= bit(CAP_DAC_READ_SEARCH);
  }
  if (root && !all_open(folders.written, R_OK | W_OK | X_OK)) needed |= bit(CAP_DAC_OVERRIDE);
  set_capabilities(had & needed, had & needed);
  become_unreadable();
}

void raise_limits() noexcept {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
  // A right that the keeper gives up does without; so the limit has to do.
  if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur < kLockedMemory) {
    const rlimit wanted{kLockedMemory, std::max(kLockedMemory, limit.rlim_max)};
    if (setrlimit(RLIMIT_MEMLOCK, &wanted) == 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_MEMLOCK, &limit);
  }
}

}  // namespace vpnd::nl
