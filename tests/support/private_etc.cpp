// SPDX-License-Identifier: ISC
#include "tests/support/private_etc.h"

#include <criterion/criterion.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statfs.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace vpnd::test {

void private_etc() {
  if (::unshare(CLONE_NEWNS) != 0) cr_skip_test("needs mount namespaces: run as root");
  std::stringstream cache;
  cache << std::ifstream("/etc/ld.so.cache", std::ios::binary).rdbuf();
  const bool mounted = ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                       ::mount("tmpfs", "/etc", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755") == 0;
  struct statfs info {};
  if (!mounted || ::statfs("/etc", &info) != 0 || info.f_type != TMPFS_MAGIC) std::abort();
  std::ofstream("/etc/ld.so.cache", std::ios::binary) << cache.rdbuf();
}

}  // namespace vpnd::test
