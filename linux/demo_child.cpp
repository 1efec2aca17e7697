// SPDX-License-Identifier: ISC
#include "linux/demo_child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <thread>

#include "core/base/error.h"

namespace vpnd::demo {
namespace {

void redirect(const std::string& log) {
  if (log.empty()) return;
  const Fd file(::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!file) throw Error("write " + log, errno);
  ::dup2(file.get(), STDOUT_FILENO);
  ::dup2(file.get(), STDERR_FILENO);
}

int run(const Bed& bed, Place place, const std::string& log, const std::function<int()>& work) {
  try {
    redirect(log);
    bed.enter(place);
    return work();
  } catch (const Error& error) {
    const std::string text = fmt::format("vpnd: {}\n", error.what());
    std::fputs(text.c_str(), stderr);
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    std::fputs(error.what(), stderr);
    return static_cast<int>(Exit::software);
  }
}

}  // namespace

Child::Child(const Bed& bed, Place place, const std::string& log, const std::function<int()>& work)
    : log_(log) {
  const pid_t parent = ::getpid();
  std::fflush(nullptr);  // or the child would print it once more
  pid_ = ::fork();
  if (pid_ < 0) throw Error("start a process", errno, {}, Exit::os);
  if (pid_ > 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(0);
  const int status = run(bed, place, log, work);
  std::fflush(nullptr);
  ::_exit(status);
}

Child::~Child() {
  if (status_) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::optional<int> Child::wait(std::chrono::milliseconds how_long) {
  const auto end = std::chrono::steady_clock::now() + how_long;
  while (!status_) {
    int status = 0;
    const pid_t done = ::waitpid(pid_, &status, WNOHANG);
    if (done == pid_) {
      status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
      break;
    }
    if (std::chrono::steady_clock::now() >= end) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return status_;
}

std::optional<int> Child::stop(std::chrono::milliseconds how_long) {
  if (!status_) ::kill(pid_, SIGTERM);
  return wait(how_long);
}

std::string Child::last_lines() const {
  constexpr std::size_t kMost = 2048;
  const Fd file(::open(log_.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return {};
  const off_t size = ::lseek(file.get(), 0, SEEK_END);
  std::array<char, kMost> text{};
  const off_t from = std::max<off_t>(0, size - static_cast<off_t>(kMost));
  const ssize_t n = ::pread(file.get(), text.data(), text.size(), from);
  return n > 0 ? std::string(text.data(), static_cast<std::size_t>(n)) : std::string();
}

}  // namespace vpnd::demo
