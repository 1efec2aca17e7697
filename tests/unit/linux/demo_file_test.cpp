// SPDX-License-Identifier: ISC
// The file that the demo's page goes to.

#include "linux/demo_file.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "core/base/error.h"
#include "tests/support/folder.h"

using vpnd::Error;
using vpnd::demo::PageFile;
using vpnd::test::Folder;

namespace {

std::ptrdiff_t files_in(const Folder& folder) {
  const std::filesystem::directory_iterator all(folder.path);
  return std::distance(begin(all), end(all));
}

std::string content(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct stat what_is(const std::string& path) {
  struct stat info {};
  cr_assert_eq(::lstat(path.c_str(), &info), 0);
  return info;
}

int refusal(const std::string& path) {
  try {
    const PageFile file(path);
  } catch (const Error& error) {
    cr_assert(std::string(error.what()).find(path) != std::string::npos, "%s", error.what());
    return error.errnum();
  }
  cr_assert_fail("%s was accepted", path.c_str());
  return -1;
}

}  // namespace

Test(demo_file, is_readable_by_all_whatever_the_mask) {
  const Folder folder;
  ::umask(077);
  PageFile(folder.in("a.html")).write("page");
  cr_assert_eq(content(folder.in("a.html")), "page");
  cr_assert_eq(what_is(folder.in("a.html")).st_mode & 07777, 0644);
  cr_assert_eq(files_in(folder), 1);
}

Test(demo_file, the_old_one_stays_until_there_is_another_in_its_place) {
  const Folder folder;
  std::ofstream(folder.in("a.html")) << "old";
  const PageFile file(folder.in("a.html"));
  cr_assert_eq(content(folder.in("a.html")), "old");
  cr_assert_eq(files_in(folder), 1);
  std::ifstream reader(folder.in("a.html"));
  file.write("a new one, and a longer one");
  cr_assert_eq(std::string(std::istreambuf_iterator<char>(reader), {}), "old");
  cr_assert_eq(content(folder.in("a.html")), "a new one, and a longer one");
  cr_assert_eq(files_in(folder), 1);
}

Test(demo_file, goes_to_the_folder_that_was_there_at_the_beginning) {
  const Folder folder, other;
  cr_assert_eq(::chdir(folder.path.c_str()), 0);
  const PageFile file("a.html");
  cr_assert_eq(::chdir(other.path.c_str()), 0);
  file.write("page");
  cr_assert_eq(content(folder.in("a.html")), "page");
  cr_assert_eq(files_in(other), 0);
  cr_assert_eq(::chdir("/"), 0);
}

Test(demo_file, what_cannot_be_written_is_refused_at_the_beginning) {
  const Folder folder;
  cr_assert_eq(refusal(folder.in("nowhere/a.html")), ENOENT);
  cr_assert_eq(refusal(folder.path), EISDIR);
  cr_assert_eq(refusal(folder.in("")), EISDIR);
  cr_assert_eq(refusal("/proc/a.html"), ENOENT);
  cr_assert_eq(files_in(folder), 0);
}

Test(demo_file, neither_a_link_nor_a_device_is_replaced) {
  const Folder folder;
  std::ofstream(folder.in("precious")) << "precious";
  cr_assert_eq(::symlink("precious", folder.in("link").c_str()), 0);
  cr_assert_eq(::mkfifo(folder.in("pipe").c_str(), 0600), 0);
  cr_assert_eq(refusal(folder.in("link")), 0);
  cr_assert_eq(refusal(folder.in("pipe")), 0);
  cr_assert_eq(refusal("/dev/null"), 0);
  cr_assert_eq(content(folder.in("precious")), "precious");
  cr_assert(S_ISCHR(what_is("/dev/null").st_mode));
}

Test(demo_file, of_what_cannot_be_put_in_its_place_nothing_is_left) {
  const Folder folder;
  const PageFile file(folder.in("a.html"));
  cr_assert_eq(::mkdir(folder.in("a.html").c_str(), 0755), 0);
  cr_assert_throw(file.write("page"), Error);
  cr_assert_eq(files_in(folder), 1);
}
