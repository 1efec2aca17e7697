// SPDX-License-Identifier: ISC
// A tunnel in a process of its own: started, waited for until it runs, and stopped.

#include "linux/background.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "core/base/text.h"
#include "core/host.h"
#include "linux/control_socket.h"
#include "linux/signals.h"

namespace vpnd::nl {

Fd journal_stream(const std::string& socket_path) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof to.sun_path) return {};
  std::memcpy(to.sun_path, socket_path.c_str(), socket_path.size());
  Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd || connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) < 0) return {};
  shutdown(fd.get(), SHUT_RD);
  // Identifier, unit, priority of lines that name none, whether lines name one, and whether they go
  // to syslog, to the kernel's log and to the console as well.
  constexpr std::string_view kHeader = "vpnd\n\n6\n1\n0\n0\n0\n";
  const auto n = send(fd.get(), kHeader.data(), kHeader.size(), MSG_NOSIGNAL);
  return n == static_cast<ssize_t>(kHeader.size()) ? std::move(fd) : Fd{};
}

Fd log_file(const std::string& path) {
  Fd fd(
      open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600));
  if (!fd) throw Error("open the log file " + path, errno);
  return fd;
}

namespace {

// What the new process says to the one that waits, once: that it runs, and on which interface; or
// what stopped it, line and remedy. Lines of ours have no zero byte.
constexpr char kRuns = 'r', kFailed = 'f';

void say(Fd& to, char what, const std::string& first, const std::string& second = {}) noexcept {
  if (!to) return;
  const std::string text = what + first + '\0' + second;
  // Far less than a pipe holds.
  if (write(to.get(), text.data(), text.size()) < 0) errno = 0;
  to.reset();
}

void redirect(const Fd& log) {
  const Fd nothing(open("/dev/null", O_RDONLY | O_CLOEXEC));
  dup2(nothing.get(), STDIN_FILENO);
  dup2(log.get(), STDOUT_FILENO);
  dup2(log.get(), STDERR_FILENO);
  struct stat info {};
  // As a service manager says it: whoever finds its standard error to be this stream may speak to
  // the journal itself.
  if (fstat(log.get(), &info) == 0 && S_ISSOCK(info.st_mode)) {
    setenv("JOURNAL_STREAM", fmt::format("{}:{}", info.st_dev, info.st_ino).c_str(), 1);
  } else {
    unsetenv("JOURNAL_STREAM");
  }
}

// In the new process. Until it runs, it ends with the one that waits for it.
Exit run(const host::Body& body, Fd to_starter, const Fd& log, pid_t starter) {
  setsid();
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != starter) return Exit::failure;
  redirect(log);
  try {
    return body([&](const std::string& interface) {
      prctl(PR_SET_PDEATHSIG, 0);
      say(to_starter, kRuns, interface);
    });
  } catch (const Error& e) {
    say(to_starter, kFailed, e.what(), e.remedy());
    throw;
  }
}

// All that comes until it is complete or the process has ended. A signal to us is one to it.
std::string hear(const Fd& from, pid_t child) {
  Signals signals;
  std::string said;
  while (true) {
    pollfd fds[2] = {{from.get(), POLLIN, 0}, {signals.fd(), POLLIN, 0}};
    if (poll(fds, 2, -1) < 0 && errno != EINTR) throw Error("wait", errno, {}, Exit::os);
    for (int number = signals.next(); number != 0; number = signals.next()) {
      if (number != SIGCHLD) kill(child, SIGTERM);
    }
    if (fds[0].revents == 0) continue;
    ByteArray<1024> room;
    const auto n = read(from.get(), room.data(), room.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return said;
    said.append(room.begin(), room.begin() + n);
    if (said.front() == kRuns && said.back() == '\0') return said;
  }
}

[[noreturn]] void fail(pid_t child, std::string_view said) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) {
    throw Error(fmt::format("the new process: {}", strsignal(WTERMSIG(status))), 0, {},
                Exit::software);
  }
  if (!said.empty() && said.front() == kFailed) {
    said.remove_prefix(1);
    const std::string line(take_until(said, '\0'));
    throw Error(line, 0, {}, static_cast<Exit>(WEXITSTATUS(status)), std::string(said));
  }
  throw Error("stopped before it ran; everything was taken back");
}

}  // namespace
}  // namespace vpnd::nl

namespace vpnd::host {

Exit in_background(const Body& body, const std::string& log, const Running& running) {
  Fd lines = log.empty() ? nl::journal_stream() : nl::log_file(log);
  if (!lines) throw Error("reach the journal", 0, "nobody listens there", Exit::failure);
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) throw Error("make a pipe", errno, {}, Exit::os);
  Fd from(ends[0]), to(ends[1]);
  const pid_t self = getpid();
  const pid_t child = fork();
  if (child < 0) throw Error("start a process", errno, {}, Exit::os);
  if (child == 0) {
    from.reset();
    return nl::run(body, std::move(to), lines, self);
  }
  to.reset();
  const std::string said = nl::hear(from, child);
  if (said.empty() || said.front() != nl::kRuns) nl::fail(child, said);
  std::string_view name(said);
  name.remove_prefix(1);
  running(std::string(take_until(name, '\0')));
  return Exit::ok;
}

bool journal_listens() {
  return static_cast<bool>(nl::journal_stream());
}

bool runs(const std::string& name, const Places& places) {
  return static_cast<bool>(nl::process_of(places.run, name));
}

bool stop(const std::string& name, const Places& places, std::chrono::seconds patience) {
  const Fd process = nl::process_of(places.run, name);
  if (!process) return false;
  const auto number = syscall(SYS_pidfd_send_signal, process.get(), SIGTERM, nullptr, 0);
  if (number < 0 && errno != ESRCH) {
    throw Error("stop " + name, errno, {}, errno == EPERM ? Exit::permission : Exit::failure);
  }
  pollfd ended{process.get(), POLLIN, 0};
  const auto until = std::chrono::steady_clock::now() + patience;
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    const int n = poll(&ended, 1, static_cast<int>(std::max<long>(left.count(), 0)));
    if (n > 0) return true;
    if (n < 0 && errno == EINTR) continue;
    throw Error(fmt::format("{} was told to stop, and has not within {} s", name, patience.count()),
                0, {}, Exit::temporary);
  }
}

}  // namespace vpnd::host
