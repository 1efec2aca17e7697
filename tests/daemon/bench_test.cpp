// SPDX-License-Identifier: ISC
// tools/bench works at all, and takes everything with it however it ends. What it measures here
// means nothing.

#include <criterion/criterion.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/daemon/lab.h"

using namespace vpnd;
using namespace vpnd::test;

namespace fs = std::filesystem;

namespace {

constexpr const char* kPython = "/usr/bin/python3";
constexpr const char* kPrograms[] = {"/usr/bin/iperf3", "/usr/bin/unshare", "/usr/bin/setpriv"};

std::string content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream out;  // which takes it calmly when a process ends while it is looked at
  out << file.rdbuf();
  return out.str();
}

// A folder of its own, for the run's results and for what must be gone after it.
class Run {
 public:
  explicit Run(const std::vector<std::string>& words) : folder_(temporary_directory()) {
    need_programs();
    fs::create_directory(folder_ + "/tmp");
    ::setenv("TMPDIR", (folder_ + "/tmp").c_str(), 1);
    ::setenv("BENCH_LOCK", (folder_ + "/lock").c_str(), 1);
    ::setenv("VPND_BIN", vpnd_program(), 1);
    arguments_ = {kPython,   "-B",       VPND_SOURCE_DIR "/tools/bench/bench",
                  "--quick", "--rounds", "1",
                  "--name",  "run",      "--into",
                  folder_};
    arguments_.insert(arguments_.end(), words.begin(), words.end());
  }

  Child start() const { return Child(arguments_); }
  std::string file(const char* name) const { return content(folder_ + "/run/" + name); }

  // A process that was started with a path in the run's temporary folder.
  bool anybody(const std::string& word = {}) const {
    for (const auto& entry : fs::directory_iterator("/proc")) {
      const std::string words = content(entry.path() / "cmdline");
      if (words.find(folder_ + "/tmp/") == std::string::npos) continue;
      if (word.empty() || words.find(word) != std::string::npos) return true;
    }
    return false;
  }

  void expect_nothing_left() const {
    cr_assert(eventually([&] { return !anybody(); }), "processes are left");
    cr_assert(fs::is_empty(folder_ + "/tmp"), "files are left");
    for (const char* name : {"client", "router", "server", "target"}) {
      cr_assert(!fs::exists(std::string("/run/netns/") + name), "%s is left", name);
    }
  }

 private:
  static void need_programs() {
    if (!fs::exists(kPython)) cr_skip_test("no %s", kPython);
    for (const char* program : kPrograms) {
      if (!fs::exists(program)) cr_skip_test("no %s", program);
    }
    // A process namespace needs a /proc of its own, which a user namespace need not be given.
    if (content("/proc/self/uid_map").find("4294967295") == std::string::npos) {
      cr_skip_test("needs root outside user namespaces");
    }
  }

  std::string folder_;
  std::vector<std::string> arguments_;
};

void expect(const std::string& text, const std::string& part) {
  cr_assert(text.find(part) != std::string::npos, "no \"%s\" in:\n%s", part.c_str(), text.c_str());
}

}  // namespace

Test(bench, parts_are_right) {
  if (!fs::exists(kPython)) cr_skip_test("no %s", kPython);
  const Finished f = run_program({kPython, "-B", "-W", "error", "-m", "unittest", "discover", "-s",
                                  VPND_SOURCE_DIR "/tests/harness", "-p", "*_test.py"});
  cr_assert_eq(f.status, 0, "%s", f.output.c_str());
  expect(f.output, "\nOK");
  cr_assert(f.output.find("Ran 0 tests") == std::string::npos, "%s", f.output.c_str());
}

Test(bench, measures_and_draws) {
  const Run run({"--only", "ping", "--peers", "direct,vpnd"});
  Child bench = run.start();
  const int status = bench.wait(180);
  cr_assert_eq(status, 0, "%s", bench.output().c_str());
  run.expect_nothing_left();
  const std::string result = run.file("result.json");
  expect(result, "\"ping_idle\"");
  expect(result, "\"ping_load\"");
  expect(result, "\"foreign_cores\"");
  const std::string table = run.file("table.md");
  expect(table, "direct (n=1) | vpnd (n=1)");
  expect(table, "| ping idle, p50 / p99, us |");
  cr_assert(table.find("left out") == std::string::npos, "%s", table.c_str());
  const std::string chart = run.file("chart.svg");
  cr_assert(chart.starts_with("<svg"), "%s", chart.c_str());
  expect(chart, ">vpnd</text>");
  expect(chart, "</svg>\n");
}

Test(bench, a_wide_area_link_delays) {
  const Run run({"--only", "ping", "--peers", "direct", "--wan", "40,20,0"});
  Child bench = run.start();
  const int status = bench.wait(180);
  cr_assert_eq(status, 0, "%s", bench.output().c_str());
  run.expect_nothing_left();
  const std::string result = run.file("result.json"), name = "\"p50_ms\": ";
  const std::size_t at = result.find(name, result.find("\"ping_idle\""));
  cr_assert(at != std::string::npos, "%s", result.c_str());
  const double ms = std::stod(result.substr(at + name.size()));
  cr_assert(ms >= 40 && ms < 120, "%f ms", ms);
  expect(run.file("table.md"), "A link of 40 ms, 20 Mbit/s, 0 % loss");
}

Test(bench, a_peer_that_dies_does_not_take_the_others_along) {
  const Run run({"--only", "connect", "--peers", "direct", "--peer", "broken=/bin/false"});
  Child bench = run.start();
  const int status = bench.wait(180);
  cr_assert_eq(status, 1, "%s", bench.output().c_str());
  run.expect_nothing_left();
  const std::string table = run.file("table.md");
  expect(table, "direct (n=1) | broken (n=0)");
  expect(table, "left out: broken: BedError: the server ended with status 1");
}

Test(bench, takes_everything_down_on_interruption) {
  const Run run({"--only", "ping", "--peers", "direct,vpnd", "--rounds", "9"});
  Child bench = run.start();
  cr_assert(bench.says("direct: ok", 120), "%s", bench.output().c_str());
  cr_assert(eventually([&] { return run.anybody("vpnc"); }, 60), "%s", bench.output().c_str());
  bench.signal(SIGINT);
  cr_assert_eq(bench.wait(20), 130, "%s", bench.output().c_str());
  run.expect_nothing_left();
  expect(run.file("table.md"), "direct (n=1)");
}

Test(bench, takes_everything_down_when_killed) {
  const Run run({"--only", "ping", "--peers", "vpnd", "--rounds", "9"});
  Child bench = run.start();
  cr_assert(eventually([&] { return run.anybody("vpnc"); }, 120), "%s", bench.output().c_str());
  bench.signal(SIGKILL);
  cr_assert(eventually([&] { return !run.anybody(); }), "processes are left");
}
