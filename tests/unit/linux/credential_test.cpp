// SPDX-License-Identifier: ISC
// A key that a service manager passes.

#include <criterion/criterion.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

#include "core/base/error.h"
#include "linux/key_file.h"
#include "tests/support/folder.h"

using namespace vpnd;

namespace {

struct Folder : test::Folder {
  void write(const char* name, const char* content, mode_t mode) const {
    const std::string file = in(name);
    std::ofstream(file) << content;
    cr_assert_eq(::chmod(file.c_str(), mode), 0);
  }
  plan::Common config() const {
    plan::Common c;
    c.key = in("home.key");
    c.credential = "key";
    return c;
  }
};

off_t size_of(const Fd& fd) {
  struct stat info {};
  return ::fstat(fd.get(), &info) == 0 ? info.st_size : -1;
}

bool refused(const plan::Common& c) {
  try {
    (void)nl::open_key(c);
  } catch (const Error& e) {
    return true;
  }
  return false;
}

}  // namespace

Test(credential, is_taken_where_any_are_passed_and_the_file_elsewhere) {
  const Folder f;
  f.write("home.key", "12", 0600);
  f.write("key", "123", 0440);
  ::unsetenv("CREDENTIALS_DIRECTORY");
  cr_assert_eq(size_of(nl::open_key(f.config())), 2);
  ::setenv("CREDENTIALS_DIRECTORY", f.path.c_str(), 1);
  cr_assert_eq(size_of(nl::open_key(f.config())), 3);
  plan::Common plain = f.config();
  plain.credential.clear();
  cr_assert_eq(size_of(nl::open_key(plain)), 2);
}

Test(credential, that_others_can_read_or_that_is_not_there_is_refused) {
  const Folder f;
  f.write("home.key", "12", 0600);
  ::setenv("CREDENTIALS_DIRECTORY", f.path.c_str(), 1);
  cr_assert(refused(f.config()), "it is not there");
  f.write("key", "123", 0444);
  cr_assert(refused(f.config()), "all can read it");
  f.write("key", "123", 0460);
  cr_assert(refused(f.config()), "a group can write it");
  f.write("key", "123", 0400);
  cr_assert_not(refused(f.config()));
  // A key file has no such exception.
  plan::Common plain = f.config();
  plain.credential.clear();
  f.write("home.key", "12", 0640);
  cr_assert(refused(plain));
}
