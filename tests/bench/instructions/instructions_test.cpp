// SPDX-License-Identifier: ISC
// What the data path costs: instructions of our own for a 64 KB record, from one TUN to the other,
// against a recorded figure. Instructions instead of time, since they are the same in each run and
// on each machine; a copy or a loop too much shows at once.
#include <criterion/criterion.h>
#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include "tests/bench/instructions/profile.h"
#include "tests/support/folder.h"

namespace vpnd::bench {
namespace {

constexpr std::string_view kBuild = VPND_BUILD;
constexpr char kFile[] = VPND_SOURCE_DIR "/tests/bench/instructions.txt";
constexpr double kLimit = 3;        // percent, either way
constexpr unsigned kRecords = 128;  // a multiple of 16, the headers of one block of masks

struct Recorded {
  std::string build;
  double instructions = 0;
};

Recorded recorded() {
  Recorded r;
  std::ifstream in(kFile);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("build ")) r.build = line.substr(6);
    if (line.starts_with("instructions ")) r.instructions = std::stod(line.substr(13));
  }
  return r;
}

double percent_off(double instructions) {
  return 100 * (instructions / recorded().instructions - 1);
}

// The program's instructions for one record.
double count(const std::string& program) {
  const test::Folder folder;
  // Nobody's own settings for valgrind.
  const std::string command = fmt::format(
      "valgrind --command-line-only=yes -q --tool=callgrind '--toggle-collect={3}' "
      "--callgrind-out-file='{0}/profile' '{1}' {2} >'{0}/log' 2>&1",
      folder.path, program, kRecords, "vpnd::bench::counted(*");
  const int status = std::system(command.c_str());
  std::stringstream log;
  log << std::ifstream(folder.in("log")).rdbuf();
  std::ifstream in(folder.in("profile"));
  Profile profile;
  if (status == 0) profile = read_profile(in);
  cr_assert_eq(status, 0, "%s\n%s", command.c_str(), log.str().c_str());
  cr_assert(profile.sodium != 0 && profile.kernel != 0, "what does not count was not found");
  return static_cast<double>(profile.ours()) / kRecords;
}

void need_valgrind() {
  if (std::system("command -v valgrind >/dev/null") != 0) cr_skip_test("needs valgrind");
}

void need_same_build() {
  need_valgrind();
  const std::string build = recorded().build;
  if (build != kBuild) {
    cr_skip_test("the figure is that of \"%s\", and this is \"%s\"", build.c_str(), kBuild.data());
  }
}

}  // namespace

Test(instructions, of_a_record_are_as_recorded) {
  need_valgrind();
  if (std::getenv("VPND_RECORD") != nullptr) {
    const double figure = count(VPND_CARRY);
    std::ofstream(kFile) << "# Our own instructions for a record of 64 KB; see tests/README.md.\n"
                         << fmt::format("build {}\ninstructions {:.0f}\n", kBuild, figure);
    fmt::print(stderr, "recorded: {:.0f} instructions\n", figure);
    cr_skip_test("a figure was recorded, none compared");
  }
  need_same_build();
  const double figure = count(VPND_CARRY);
  cr_assert(
      std::abs(percent_off(figure)) <= kLimit,
      "a record of 64 KB takes %.0f instructions, recorded are %.0f: %+.1f %%, allowed are %.0f "
      "%%.\nIf that is meant, record the new figure and commit it: VPND_RECORD=1 "
      "build/tests/test_bench_instructions",
      figure, recorded().instructions, percent_off(figure), kLimit);
}

Test(instructions, of_one_more_copy_are_too_many) {
  need_same_build();
  const double off = percent_off(count(VPND_CARRY_COPY));
  cr_assert(off > kLimit, "%+.1f %%", off);
}

Test(instructions, of_one_more_loop_are_too_many) {
  need_same_build();
  const double off = percent_off(count(VPND_CARRY_LOOP));
  cr_assert(off > kLimit, "%+.1f %%", off);
}

Test(instructions, are_ours_but_for_what_libsodium_and_the_kernel_do) {
  std::istringstream in(
      "# callgrind format\nversion: 1\ncmd: ./carry 64\nevents: Ir\n\n"
      "ob=(1) /x/carry\nfl=(1) carry.cpp\nfn=(1) main\n10 5\n+2 7\n"
      "cob=(2) /lib/libc.so.6\ncfn=(2) memcpy\ncalls=1 0\n* 100\n"
      "cob=(3) /lib/libsodium.so.23\ncfn=(3) seal\ncalls=1 0\n* 1030\n"
      "cfn=(4) vpnd::bench::kernel::carry(int)\ncalls=2 20\n* 2400\n\n"
      "fn=(4)\n20 400\ncob=(2)\ncfn=(2)\ncalls=2 0\n20 2000\n\n"
      "ob=(2)\nfn=(2)\n0 2130\n\n"
      "ob=(3)\nfn=(3)\n0 1000\ncob=(2)\ncfn=(2)\ncalls=1 0\n0 30\ntotals: 3542\n");
  const Profile p = read_profile(in);
  cr_assert_eq(p.all, 5 + 7 + 400 + 2130 + 1000u);
  cr_assert_eq(p.sodium, 1030u);
  cr_assert_eq(p.kernel, 2400u);
  cr_assert_eq(p.ours(), 5 + 7 + 100u);
  std::istringstream other("events: Dr\nfn=main\n1 2\n"), empty("events: Ir\n");
  cr_assert_throw(read_profile(other), std::runtime_error);
  cr_assert_throw(read_profile(empty), std::runtime_error);
}

}  // namespace vpnd::bench
