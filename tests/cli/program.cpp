// SPDX-License-Identifier: ISC
#include "tests/cli/program.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "linux/fd.h"
#include "linux/netlink.h"
#include "linux/rtnl.h"
#include "tests/support/built.h"

namespace cli {
namespace {

using vpnd::Fd;
using SteadyClock = std::chrono::steady_clock;

struct Pipe {
  Fd read, write;
  Pipe() {
    std::array<int, 2> ends{};
    cr_assert_eq(::pipe2(ends.data(), O_CLOEXEC), 0);
    read.reset(ends[0]);
    write.reset(ends[1]);
  }
};

[[noreturn]] void become(const std::vector<std::string>& words, const Setting& setting) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (const auto& [name, value] : setting.environment) ::setenv(name.c_str(), value.c_str(), 1);
  // Whoever it becomes may not look into the folders above the build.
  const Fd program(::open(vpnd::test::vpnd_program(), O_PATH | O_CLOEXEC));
  if (setting.before) setting.before();
  std::vector<std::string> copy = words;
  std::vector<char*> argv = {const_cast<char*>("vpnd")};
  for (std::string& word : copy) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::fexecve(program.get(), argv.data(), environ);
  ::_exit(99);
}

// False once that end is closed.
bool take(int fd, std::string& to) {
  std::array<char, 4096> part{};
  const ssize_t n = ::read(fd, part.data(), part.size());
  if (n > 0) to.append(part.data(), static_cast<std::size_t>(n));
  return n > 0;
}

void collect(pid_t pid, Pipe& out, Pipe& err, Outcome& outcome, std::chrono::seconds patience) {
  const auto end = SteadyClock::now() + patience;
  std::array<pollfd, 2> ends = {pollfd{out.read.get(), POLLIN, 0},
                                pollfd{err.read.get(), POLLIN, 0}};
  while (ends[0].fd >= 0 || ends[1].fd >= 0) {
    if (SteadyClock::now() >= end) ::kill(pid, SIGKILL);
    ::poll(ends.data(), ends.size(), 100);
    if (ends[0].revents != 0 && !take(ends[0].fd, outcome.out)) ends[0].fd = -1;
    if (ends[1].revents != 0 && !take(ends[1].fd, outcome.err)) ends[1].fd = -1;
  }
}

}  // namespace

Outcome run(const std::vector<std::string>& words, const Setting& setting) {
  Pipe in, out, err;
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(in.read.get(), STDIN_FILENO);
    ::dup2(out.write.get(), STDOUT_FILENO);
    ::dup2(err.write.get(), STDERR_FILENO);
    become(words, setting);
  }
  cr_assert_gt(pid, 0);
  out.write.reset();
  err.write.reset();
  in.read.reset();
  std::signal(SIGPIPE, SIG_IGN);
  (void)!::write(in.write.get(), setting.input.data(), setting.input.size());
  in.write.reset();
  Outcome outcome;
  collect(pid, out, err, outcome, setting.patience);
  int status = 0;
  ::waitpid(pid, &status, 0);
  outcome.code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return outcome;
}

std::string enter_folder() {
  std::string folder = (std::filesystem::temp_directory_path() / "vpnd-cli-XXXXXX").string();
  cr_assert_not_null(::mkdtemp(folder.data()));
  std::filesystem::current_path(folder);
  return folder;
}

void write_file(const std::string& path, const std::string& content, unsigned mode) {
  std::ofstream(path, std::ios::binary) << content;
  cr_assert_eq(::chmod(path.c_str(), mode), 0);
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

unsigned mode_of(const std::string& path) {
  struct stat info {};
  cr_assert_eq(::stat(path.c_str(), &info), 0, "%s", path.c_str());
  return info.st_mode & 07777u;
}

std::vector<std::string> files_here() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(".")) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

void enter_network() {
  if (::unshare(CLONE_NEWNET) != 0) cr_skip_test("needs the right to make network namespaces");
  vpnd::nl::Netlink nl;
  const auto loopback = vpnd::nl::find_link(nl, "lo");
  cr_assert(loopback.has_value());
  vpnd::nl::set_up(nl, *loopback, true);
}

std::vector<std::string> lines(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> all;
  for (std::string line; std::getline(in, line);) all.push_back(line);
  return all;
}

}  // namespace cli
