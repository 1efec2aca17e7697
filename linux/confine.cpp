// SPDX-License-Identifier: ISC
#include "linux/confine.h"

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
#include <vector>

#include "core/base/error.h"

namespace vpnd::nl {
namespace {

constexpr uid_t kNobody = 65534;

// In a user namespace without a mapping for it there is no such user: EINVAL.
bool drop_user() noexcept {
  if (geteuid() != 0) return false;
  if (setgroups(0, nullptr) < 0 && errno != EPERM) return false;
  if (setresgid(kNobody, kNobody, kNobody) < 0) return false;
  return setresuid(kNobody, kNobody, kNobody) == 0;
}

void drop_capabilities() {
  __user_cap_header_struct header{};
  header.version = _LINUX_CAPABILITY_VERSION_3;
  std::array<__user_cap_data_struct, 2> none{};
  if (syscall(SYS_capset, &header, none.data()) < 0) throw Error("give up capabilities", errno);
  std::array<__user_cap_data_struct, 2> left{};
  if (syscall(SYS_capget, &header, left.data()) < 0) throw Error("look at capabilities", errno);
  for (const auto& set : left) {
    if ((set.effective | set.permitted | set.inheritable) != 0) {
      throw Error("the engine still has capabilities");
    }
  }
}

Confined confine(pid_t parent, bool another_user) {
  Confined out;
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) throw Error("set no_new_privs", errno);
  // The bounding set first: emptying it takes a capability itself.
  for (int cap = 0; cap <= 63; ++cap) prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (another_user) out.user_dropped = drop_user();
  drop_capabilities();
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) throw Error("become unreadable", errno);
  // Changing the user clears it, so it comes last; the parent may have died before.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) throw Error("follow the keeper", errno);
  if (getppid() != parent) throw Error("the keeper is gone");
  return out;
}

}  // namespace

void close_others(std::initializer_list<int> kept) noexcept {
  std::vector<int> keep(kept);
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

Confined confine_engine(pid_t parent) {
  return confine(parent, true);
}

void confine_helper(pid_t parent) {
  (void)confine(parent, false);
}

void raise_descriptor_limit() noexcept {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace vpnd::nl
