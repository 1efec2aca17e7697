// SPDX-License-Identifier: ISC

// vpnd demo --report with a file that cannot be had: said at once, before anything is made.

#include <criterion/criterion.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "tests/cli/program.h"

using cli::Outcome;
using cli::run;

namespace {

void expect_refused(const std::string& file, int code, const char* why,
                    const cli::Setting& setting = {}) {
  const Outcome outcome = run({"demo", "--report", file}, setting);
  cr_assert_eq(outcome.code, code, "%d %s", outcome.code, outcome.err.c_str());
  cr_assert_eq(outcome.out, "");
  cr_assert(outcome.err.starts_with("vpnd: cannot write " + file), "%s", outcome.err.c_str());
  cr_assert_neq(outcome.err.find(why), std::string::npos, "%s", outcome.err.c_str());
}

}  // namespace

Test(demo, needs_a_name_for_its_report) {
  for (const auto& words : {std::vector<std::string>{"demo", "--report"}, {"demo", "page.html"}}) {
    const Outcome outcome = run(words);
    cr_assert_eq(outcome.code, 64, "%s", outcome.err.c_str());
    cr_assert_eq(outcome.out, "");
  }
}

Test(demo, does_not_begin_where_the_report_cannot_be_written) {
  cli::enter_folder();
  std::filesystem::create_directory("folder");
  std::filesystem::create_symlink("elsewhere", "link");
  expect_refused("nowhere/page.html", 1, "No such file");
  expect_refused("folder", 1, "directory");
  expect_refused("link", 1, "not a regular file");
  cr_assert_eq(cli::files_here().size(), 2);
}

Test(demo, does_not_begin_in_a_folder_of_somebody_else) {
  cli::enter_folder();
  std::filesystem::permissions(".", std::filesystem::perms(0555));
  if (::geteuid() != 0) {
    expect_refused("page.html", 77, "Permission denied");
    return;
  }
  cli::Setting setting;
  setting.before = [] {
    if (::setuid(65534) != 0) ::_exit(98);
  };
  const Outcome probe = run({"version"}, setting);
  if (probe.code == 98) cr_skip_test("no other user exists in this user namespace");
  expect_refused("page.html", 77, "Permission denied", setting);
}
