// SPDX-License-Identifier: ISC
// The seam's in_background(): a tunnel in a process of its own, waited for until it runs.

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "bsd/fd.h"
#include "bsd/signals.h"
#include "core/base/bytes.h"
#include "core/base/text.h"
#include "core/host.h"

namespace vpnd::host {
namespace {

using bsd::Fd;

// What the new process says to the one that waits, once: that it runs, and on which interface; or
// what stopped it, line and remedy. Lines of ours have no zero byte.
constexpr char kRuns = 'r', kFailed = 'f';

// False: nobody listens any more.
bool say(Fd& to, char what, const std::string& first, const std::string& second = {}) noexcept {
  const std::string text = what + first + '\0' + second;
  // Far less than a pipe holds.
  const bool heard = to && ::write(to.get(), text.data(), text.size()) >= 0;
  to.reset();
  return heard;
}

Fd log_file(const std::string& path) {
  if (path.empty()) {
    throw usage_error(
        "a process in the background needs a file for its lines here: there is no "
        "journal",
        "Name it: --log-file PATH");
  }
  Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY,
               0600));
  if (!fd) throw Error("open the log file " + path, errno);
  return fd;
}

void redirect(const Fd& log) noexcept {
  const Fd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  (void)::dup2(nothing.get(), STDIN_FILENO);
  (void)::dup2(log.get(), STDOUT_FILENO);
  (void)::dup2(log.get(), STDERR_FILENO);
}

// In the new process. If the one that waits for it was killed, nobody would know of it once it
// runs: then it ends.
Exit run(const Body& body, Fd to_starter, const Fd& log) {
  (void)::setsid();
  redirect(log);
  try {
    return body([&](const std::string& interface) {
      if (!say(to_starter, kRuns, interface)) (void)::raise(SIGTERM);
    });
  } catch (const Error& e) {
    if (to_starter) (void)say(to_starter, kFailed, e.what(), e.remedy());
    throw;
  }
}

// All that comes until it is complete or the process has ended. A signal to us is one to it.
std::string hear(const Fd& from, pid_t child) {
  bsd::Signals signals;
  std::string said;
  for (;;) {
    pollfd fds[2] = {{from.get(), POLLIN, 0}, {signals.fd(), POLLIN, 0}};
    if (::poll(fds, 2, -1) < 0 && errno != EINTR) throw Error("wait", errno, {}, Exit::os);
    for (int number = signals.next(); number != 0; number = signals.next()) {
      if (number != SIGCHLD) ::kill(child, SIGTERM);
    }
    if (fds[0].revents == 0) continue;
    ByteArray<1024> room;
    const auto n = ::read(from.get(), room.data(), room.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return said;
    said.append(room.begin(), room.begin() + n);
    if (said.front() == kRuns && said.back() == '\0') return said;
  }
}

[[noreturn]] void fail(pid_t child, std::string_view said) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) {
    throw Error(fmt::format("the new process: {}", ::strsignal(WTERMSIG(status))), 0, {},
                Exit::software);
  }
  if (said.empty() || said.front() != kFailed) {
    throw Error("stopped before it ran; everything was taken back");
  }
  said.remove_prefix(1);
  const std::string line(take_until(said, '\0'));
  throw Error(line, 0, {}, static_cast<Exit>(WEXITSTATUS(status)), std::string(said));
}

}  // namespace

Exit in_background(const Body& body, const std::string& log, const Running& running) {
  const Fd lines = log_file(log);
  int ends[2];
  if (::pipe(ends) < 0) throw Error("make a pipe", errno, {}, Exit::os);
  Fd from(ends[0]), to(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) throw Error("start a process", errno, {}, Exit::os);
  if (child == 0) {
    from.reset();
    return run(body, std::move(to), lines);
  }
  to.reset();
  const std::string said = hear(from, child);
  if (said.empty() || said.front() != kRuns) fail(child, said);
  std::string_view name(said);
  name.remove_prefix(1);
  running(std::string(take_until(name, '\0')));
  return Exit::ok;
}

bool journal_listens() {
  return false;
}

std::string log_prefix(Level) {
  return {};
}

}  // namespace vpnd::host
