// SPDX-License-Identifier: ISC
#include "bsd/sandbox.h"

#include <grp.h>
#include <pwd.h>
#include <sys/types.h>
// After sys/types.h: not every system's brings its types.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "core/base/error.h"

namespace vpnd::bsd {
namespace {

constexpr char kEmptyDirectory[] = "/var/empty";
constexpr rlim_t kLockedMemory = 64 << 20;  // the keys of many thousand clients
constexpr int kMostDescriptors = 1 << 16;

struct Nobody {
  uid_t user;
  gid_t group;
};

std::optional<Nobody> nobody() noexcept {
  const passwd* entry = ::getpwnam("nobody");
  if (entry == nullptr || entry->pw_uid == 0) return std::nullopt;
  return Nobody{entry->pw_uid, entry->pw_gid};
}

bool enter_empty_directory() noexcept {
  return ::chdir(kEmptyDirectory) == 0 && ::chroot(kEmptyDirectory) == 0 && ::chdir("/") == 0;
}

// setuid(2) of root sets the real, the effective and the saved user. False: nothing was changed,
// since this root is one in name only. Half of it would be worse than none that is told of.
bool become(const Nobody& who) {
  if (::setgroups(1, &who.group) != 0) return false;
  if (::setgid(who.group) != 0 || ::setuid(who.user) != 0) {
    throw Error("become the user nobody", errno, {}, Exit::os);
  }
  if (::setuid(0) == 0) throw Error("this process can still become root");
  return true;
}

// What names a resource is a type of its own in some headers.
template<typename Resource>
void raise(Resource resource, rlim_t at_least) noexcept {
  rlimit limit{};
  if (::getrlimit(resource, &limit) != 0 || limit.rlim_cur >= at_least) return;
  const rlimit wanted{at_least, std::max(at_least, limit.rlim_max)};
  if (::setrlimit(resource, &wanted) == 0) return;
  limit.rlim_cur = std::min(at_least, limit.rlim_max);
  (void)::setrlimit(resource, &limit);
}

}  // namespace

Confined confine_engine() {
  Confined out;
  if (::geteuid() == 0) {
    const auto who = nobody();  // while there are files to look it up in
    out.files_denied = enter_empty_directory();
    out.user_dropped = who && become(*who);
  }
  confine_here(out);
  return out;
}

void close_others(std::initializer_list<int> kept) noexcept {
  rlimit limit{};
  int end = kMostDescriptors;
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < rlim_t{kMostDescriptors}) {
    end = static_cast<int>(limit.rlim_cur);
  }
  for (int fd = STDERR_FILENO + 1; fd < end; ++fd) {
    if (std::find(kept.begin(), kept.end(), fd) == kept.end()) ::close(fd);
  }
}

void set_limits() noexcept {
  rlimit files{};
  // Not RLIM_INFINITY itself: some systems refuse it here.
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    raise(RLIMIT_NOFILE, std::min(files.rlim_max, rlim_t{kMostDescriptors}));
  }
  raise(RLIMIT_MEMLOCK, kLockedMemory);
  const rlimit no_core{};
  (void)::setrlimit(RLIMIT_CORE, &no_core);
}

}  // namespace vpnd::bsd
