// SPDX-License-Identifier: ISC
// up and down: a tunnel in the background is there, or it leaves nothing.

#include <criterion/criterion.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <iterator>

#include "tests/daemon/lab.h"
#include "tests/daemon/traffic.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void same(const Snapshot& before, const Snapshot& after) {
  cr_assert(before == after, "%s", before.difference(after).c_str());
}

struct Bed {
  Lab lab;
  std::string file, log;

  // What up leaves behind becomes a child of this process, which then can end it.
  Bed() : file(lab.directory() + "/home.toml"), log(lab.directory() + "/home.log") {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    describe(lab.key());
  }
  ~Bed() {
    if (const pid_t pid = process(); pid > 0 && kill(pid, SIGKILL) == 0) collect(pid);
  }
  void describe(const std::string& key, const std::string& host = Lab::kServer) const {
    std::ofstream(file) << fmt::format(
        "mode = \"client\"\nidentity.key = \"{}\"\npeer = [{{ endpoint = \"{}:443\" }}]\n", key,
        host);
  }
  std::vector<std::string> up_words(std::vector<std::string> more) const {
    std::vector<std::string> words{"up", "--log-file", log, file};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  Finished up(const std::vector<std::string>& more = {}) {
    return lab.vpnd(lab.client(), "client0", up_words(more));
  }
  Child begin_up(const std::vector<std::string>& more = {}) {
    std::vector<std::string> words{vpnd_program()};
    for (const auto& w : up_words(more)) words.push_back(w);
    for (const auto& w : lab.places("client0")) words.push_back(w);
    return {words, lab.client().fd()};
  }
  Finished down(const std::string& name = "home") {
    return lab.vpnd(lab.client(), "client0", {"down", name});
  }
  // From the first line of its log, "vpnd[PID]: ..."; 0: there is none yet.
  pid_t process() const {
    int pid = 0;
    return std::sscanf(text_of(log).c_str(), "vpnd[%d]", &pid) == 1 ? pid : 0;
  }
  static void collect(pid_t pid) {
    while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  // By now, not soon: whoever was told that it is has no reason to wait.
  void has_gone() const {
    const pid_t pid = process();
    cr_assert_gt(pid, 0);
    cr_assert_eq(waitpid(pid, nullptr, WNOHANG), pid, "%s", text_of(log).c_str());
  }
  static void is_gone(pid_t pid) {
    cr_assert_gt(pid, 0);
    collect(pid);
    cr_assert(kill(pid, 0) != 0 && errno == ESRCH);
  }
};

}  // namespace

Test(background, up_returns_connected_and_down_leaves_nothing) {
  Bed bed;
  Child server = bed.lab.start_server();
  const Snapshot before = bed.lab.snapshot(bed.lab.client());
  const Finished up = bed.up();
  cr_assert_eq(up.status, 0, "%s\n%s", up.output.c_str(), text_of(bed.log).c_str());
  cr_assert(up.output.starts_with("home is connected, interface home\n"), "%s", up.output.c_str());
  cr_assert(bed.lab.ping(bed.lab.client(), Lab::kTarget4), "%s", text_of(bed.log).c_str());
  cr_assert_eq(bed.lab.vpnd(bed.lab.client(), "client0", {"status", "home"}).status, 0);

  const Finished down = bed.down();
  cr_assert_eq(down.status, 0, "%s", down.output.c_str());
  bed.has_gone();
  same(before, bed.lab.snapshot(bed.lab.client()));
  cr_assert(has(text_of(bed.log), "every change was taken back"), "%s", text_of(bed.log).c_str());
  cr_assert_eq(bed.down().status, 3);
}

Test(background, up_hands_nothing_of_the_terminal_on) {
  Bed bed;
  Child server = bed.lab.start_server();
  cr_assert_eq(bed.up().status, 0, "%s", text_of(bed.log).c_str());
  const pid_t pid = bed.process();
  cr_assert_eq(getsid(pid), pid, "a session of its own");
  const auto leads_to = [&](int fd) {
    std::string to(256, '\0');
    const auto n = readlink(fmt::format("/proc/{}/fd/{}", pid, fd).c_str(), to.data(), to.size());
    return n < 0 ? std::string() : to.substr(0, static_cast<std::size_t>(n));
  };
  cr_assert_eq(leads_to(0), "/dev/null");
  cr_assert_eq(leads_to(1), bed.log);
  cr_assert_eq(leads_to(2), bed.log);
  struct stat info {};
  cr_assert_eq(stat(bed.log.c_str(), &info), 0);
  cr_assert_eq(info.st_mode & 0777u, 0600u);
  cr_assert_eq(bed.down(bed.file).status, 0, "by its file as well");
  bed.has_gone();
}

// The same code and the same words as in the foreground, and the host as it was.
Test(background, up_fails_as_the_foreground_does) {
  Bed bed;
  const auto compare = [&bed](int code) {
    const Snapshot before = bed.lab.snapshot(bed.lab.client());
    const Finished up = bed.up({"--timeout", "1"});
    cr_assert_eq(up.status, code, "%s", up.output.c_str());
    same(before, bed.lab.snapshot(bed.lab.client()));
    const Finished run =
        bed.lab.vpnd(bed.lab.client(), "client0", {"run", "--timeout", "1", bed.file});
    cr_assert_eq(run.status, code, "%s", run.output.c_str());
    cr_assert(up.output.starts_with("vpnd: "), "%s", up.output.c_str());
    cr_assert(run.output.ends_with(up.output), "%s\nand\n%s", up.output.c_str(),
              run.output.c_str());
  };
  compare(69);  // nobody listens
  Child server = bed.lab.start_server();
  const std::string other = bed.lab.directory() + "/other.key";
  cr_assert_eq(run_program({vpnd_program(), "genkey", other}).status, 0);
  bed.describe(other);
  compare(76);
  bed.describe(bed.lab.directory() + "/nosuch.key");
  compare(78);
}

Test(background, a_second_up_leaves_the_first_alone) {
  Bed bed;
  Child server = bed.lab.start_server();
  cr_assert_eq(bed.up().status, 0, "%s", text_of(bed.log).c_str());
  const Snapshot before = bed.lab.snapshot(bed.lab.client());
  cr_assert_eq(bed.up().status, 75);
  same(before, bed.lab.snapshot(bed.lab.client()));
  cr_assert(bed.lab.ping(bed.lab.client(), Lab::kTarget4));
  cr_assert_eq(bed.down().status, 0);
  bed.has_gone();
}

Test(background, an_up_that_is_interrupted_takes_everything_back) {
  for (const int number : {SIGINT, SIGTERM, SIGKILL}) {
    Bed bed;
    const Snapshot before = bed.lab.snapshot(bed.lab.client());
    bed.lab.ip(bed.lab.router(), "route add blackhole 203.0.113.2/32");  // no answer at all
    Child up = bed.begin_up({"--timeout", "0"});
    cr_assert(eventually([&] { return bed.lab.snapshot(bed.lab.client()) != before; }),
              "signal %d: %s", number, up.output().c_str());
    const auto made = Lab::children(up.pid());
    cr_assert_eq(made.size(), 1u);
    up.signal(number);
    cr_assert_eq(up.wait(), number == SIGKILL ? 128 + SIGKILL : 1, "%s", up.output().c_str());
    Bed::is_gone(made[0]);
    same(before, bed.lab.snapshot(bed.lab.client()));
  }
}

// Who may connect the moment it returns.
Test(background, up_returns_when_a_server_listens) {
  Bed bed;
  std::ofstream(bed.file) << fmt::format("mode = \"server\"\nidentity.key = \"{}\"\n",
                                         bed.lab.key());
  const Snapshot before = bed.lab.snapshot(bed.lab.server());
  const Finished up = bed.lab.vpnd(bed.lab.server(), "server", bed.up_words({}));
  cr_assert_eq(up.status, 0, "%s\n%s", up.output.c_str(), text_of(bed.log).c_str());
  cr_assert(up.output.starts_with("home listens, interface home\n"), "%s", up.output.c_str());
  Child client = bed.lab.start_client();
  cr_assert(bed.lab.ping(bed.lab.client(), Lab::kTarget4));
  cr_assert_eq(bed.lab.vpnd(bed.lab.server(), "server", {"down", "home"}).status, 0);
  bed.has_gone();
  same(before, bed.lab.snapshot(bed.lab.server()));
  cr_assert_eq(bed.lab.vpnd(bed.lab.server(), "server", bed.up_words({"--timeout", "1"})).status,
               64, "a server does not connect");
}
