// SPDX-License-Identifier: ISC
#include "linux/landlock.h"
#include "core/base/sanitizer_build.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "linux/fd.h"

namespace vpnd::nl {
namespace {

// struct landlock_ruleset_attr of ABI 6; the headers of Debian 12 know its first member only. A
// kernel that knows less takes it as long as what it does not know is zero.
struct Ruleset {
  std::uint64_t files = 0, tcp = 0, scoped = 0;
};
constexpr unsigned kAskVersion = 1;  // LANDLOCK_CREATE_RULESET_VERSION

constexpr std::uint64_t lowest_bits(unsigned count) noexcept {
  return (std::uint64_t{1} << count) - 1;
}

// All that can be asked for: a right that is handled, and given by no rule, is refused.
Ruleset everything(long version) noexcept {
  Ruleset r;
  r.files = lowest_bits(version >= 5   ? 16     // with ioctl on devices
                        : version >= 3 ? 15     // with truncation
                        : version >= 2 ? 14     // with links to other folders
                                       : 13);   // execute to make_sym
  if (version >= 4) r.tcp = lowest_bits(2);     // bind, connect
  if (version >= 6) r.scoped = lowest_bits(2);  // abstract sockets, signals
  return r;
}

long create(const Ruleset* rules, std::size_t size, unsigned flags) noexcept {
  return syscall(SYS_landlock_create_ruleset, rules, size, flags);
}

}  // namespace

bool deny_files() noexcept {
  // The report of a sanitizer goes to a file, and begins with /proc/self/maps.
  if constexpr (kSanitizerBuild) return false;
  const long version = create(nullptr, 0, kAskVersion);
  if (version < 1) return false;
  const Ruleset rules = everything(version);
  const Fd fd(static_cast<int>(create(&rules, sizeof rules, 0)));
  return fd && syscall(SYS_landlock_restrict_self, fd.get(), 0) == 0;
}

}  // namespace vpnd::nl
