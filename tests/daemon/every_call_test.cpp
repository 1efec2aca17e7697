// SPDX-License-Identifier: ISC
// A keeper killed at any of its system calls, and then a start and a clean stop: nothing is left.
//
// An undisturbed run is traced first; each of its calls, by name and number, is a place to die. All
// of them take half an hour, so a run takes every so many, from an offset that is another each day.
// VPND_EVERY_CALL=1 in the environment takes all.

#include <criterion/criterion.h>
#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "core/base/sanitizer_build.h"
#include "tests/daemon/lab.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

constexpr std::size_t kPlaces = kSanitizerBuild ? 8 : 24;
// LeakSanitizer cannot work below a tracer, and would say so.
constexpr const char* kNoLeakCheck = "ASAN_OPTIONS=detect_leaks=0";

struct Place {
  std::string call;
  unsigned number = 0;
};

class Victim {
 public:
  explicit Victim(bool server)
      : server_(server), words_(lab_.places(server ? "server" : "client0")) {
    words_.insert(words_.begin(), {vpnd_program(), server ? "server" : "client"});
    words_.push_back(lab_.key());
    if (server) {
      words_.insert(words_.end(), {"auto", "443", "vpns"});
    } else {
      words_.insert(words_.end(), {Lab::kServer, "443", "vpn0"});
      other_.push_back(lab_.start_server());
    }
    before_ = lab_.snapshot(where());
  }

  std::vector<Place> places() {
    const std::string trace = lab_.directory() + "/trace";
    run({"strace", "-qq", "-E", kNoLeakCheck, "-o", trace});
    std::map<std::string, unsigned> count;
    std::vector<Place> out;
    std::ifstream in(trace);
    for (std::string line; std::getline(in, line);) {
      const std::string call = line.substr(0, line.find('('));
      if (call.empty() ||
          call.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != std::string::npos) {
        continue;
      }
      if (call != "execve") out.push_back({call, ++count[call]});
    }
    return out;
  }

  // False: that call did not come this time, and the run ended well.
  bool die_at(const Place& p) {
    return run({"strace", "-qq", "-E", kNoLeakCheck, "-o", "/dev/null", "-e", "trace=" + p.call,
                "-e", fmt::format("inject={}:signal=KILL:when={}", p.call, p.number)}) != 0;
  }

  // How a start and a clean stop leave the host, compared with how it was.
  std::string left() {
    run({});
    const Snapshot after = lab_.snapshot(where());
    return before_ == after ? std::string() : before_.difference(after);
  }

 private:
  const Namespace& where() const { return server_ ? lab_.server() : lab_.client(); }

  // Until it is up or dead; then told to stop. What it ended with.
  int run(std::vector<std::string> tracer) {
    const bool traced = !tracer.empty();
    tracer.insert(tracer.end(), words_.begin(), words_.end());
    Child child(tracer, where().fd());
    child.says(server_ ? "ready" : "connected,", 10);
    std::vector<pid_t> keepers = {child.pid()};
    if (traced) keepers = Lab::children(child.pid());
    for (const pid_t keeper : keepers) kill(keeper, SIGTERM);
    const int status = child.wait(10);
    // Never left to itself, were the tracer to go first.
    if (traced) {
      for (const pid_t keeper : keepers) kill(keeper, SIGKILL);
    }
    return status;
  }

  bool server_;
  Lab lab_;
  std::vector<std::string> words_;
  std::vector<Child> other_;
  Snapshot before_ = Snapshot::take();
};

void killed_at_any_call(bool server) {
  Victim victim(server);
  const std::vector<Place> all = victim.places();
  cr_assert_gt(all.size(), 200u, "the trace has %zu calls", all.size());
  const bool every = std::getenv("VPND_EVERY_CALL") != nullptr;
  const std::size_t step = every ? 1 : std::max<std::size_t>(all.size() / kPlaces, 1);
  const auto day = std::chrono::system_clock::now().time_since_epoch() / std::chrono::hours(24);
  std::size_t tried = 0, died = 0;
  for (std::size_t i = static_cast<std::size_t>(day) % step; i < all.size(); i += step) {
    if (victim.die_at(all[i])) ++died;
    const std::string left = victim.left();
    cr_assert(left.empty(), "killed at call %zu of %zu, %s number %u:\n%s", i, all.size(),
              all[i].call.c_str(), all[i].number, left.c_str());
    ++tried;
  }
  cr_log_info("%zu of %zu calls, %zu deaths", tried, all.size(), died);
  // Polls and waits vary from run to run; the rest comes every time.
  cr_assert_gt(4 * died, 3 * tried, "it died only %zu times of %zu", died, tried);
}

}  // namespace

Test(every_call, a_client_killed_there_leaves_nothing_after_its_next_run) {
  killed_at_any_call(false);
}

Test(every_call, a_server_killed_there_leaves_nothing_after_its_next_run) {
  killed_at_any_call(true);
}
