// SPDX-License-Identifier: ISC
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <sstream>
#include <thread>

#include "core/base/error.h"
#include "tests/support/netns.h"

namespace vpnd::test {
namespace {

using Steady = std::chrono::steady_clock;

Steady::time_point after(double seconds) {
  return Steady::now() +
         std::chrono::duration_cast<Steady::duration>(std::chrono::duration<double>(seconds));
}

void die_with(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(126);
}

int decode(int status) noexcept {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

Child::Child(const std::vector<std::string>& arguments, int netns,
             const std::function<void()>& before) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw Error("make a pipe", errno);
  pipe_.reset(ends[0]);
  Fd theirs(ends[1]);
  std::vector<char*> list;
  for (const std::string& a : arguments) list.push_back(const_cast<char*>(a.c_str()));
  list.push_back(nullptr);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) throw Error("fork", errno);
  if (pid_ == 0) {
    die_with(parent);
    if (netns >= 0 && ::setns(netns, CLONE_NEWNET) != 0) ::_exit(126);
    ::dup2(theirs.get(), STDOUT_FILENO);
    ::dup2(theirs.get(), STDERR_FILENO);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    if (before) before();
    ::execvp(list[0], list.data());
    ::_exit(127);
  }
  ::fcntl(pipe_.get(), F_SETFL, O_NONBLOCK);
}

Child::Child(Child&& o) noexcept
    : pid_(std::exchange(o.pid_, -1)),
      status_(o.status_),
      ended_(std::exchange(o.ended_, true)),
      pipe_(std::move(o.pipe_)),
      output_(std::move(o.output_)) {}

Child& Child::operator=(Child&& o) noexcept {
  std::swap(pid_, o.pid_);
  std::swap(status_, o.status_);
  std::swap(ended_, o.ended_);
  std::swap(pipe_, o.pipe_);
  output_.swap(o.output_);
  return *this;
}

Child::~Child() {
  if (pid_ < 0 || ended_) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void Child::signal(int number) const noexcept {
  if (pid_ > 0 && !ended_) ::kill(pid_, number);
}

void Child::read_some() {
  std::array<char, 4096> part;
  for (;;) {
    const ssize_t n = ::read(pipe_.get(), part.data(), part.size());
    if (n <= 0) return;
    output_.append(part.data(), static_cast<std::size_t>(n));
  }
}

int Child::wait(double seconds) {
  const auto deadline = after(seconds);
  while (!ended_) {
    read_some();
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      ended_ = true;
      status_ = decode(status);
    } else if (Steady::now() >= deadline) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, &status, 0);
      ended_ = true;
      status_ = -1;
    } else {
      pollfd more{pipe_.get(), POLLIN, 0};
      ::poll(&more, 1, 5);
      if ((more.revents & POLLHUP) != 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  read_some();
  return status_;
}

const std::string& Child::output() {
  read_some();
  return output_;
}

bool Child::says(const std::string& text, double seconds) {
  const auto deadline = after(seconds);
  for (;;) {
    read_some();
    if (output_.find(text) != std::string::npos) return true;
    int status = 0;
    if (!ended_ && ::waitpid(pid_, &status, WNOHANG) == pid_) {
      ended_ = true;
      status_ = decode(status);
      read_some();
      return output_.find(text) != std::string::npos;
    }
    if (ended_ || Steady::now() >= deadline) return false;
    pollfd more{pipe_.get(), POLLIN, 0};
    ::poll(&more, 1, 10);
  }
}

Finished run_program(const std::vector<std::string>& arguments, int netns) {
  Child child(arguments, netns);
  Finished finished;
  finished.status = child.wait();
  finished.output = child.output();
  return finished;
}

Finished run_ip(const std::string& words, int netns) {
  std::vector<std::string> arguments{"ip"};
  std::istringstream in(words);
  for (std::string w; in >> w;) arguments.push_back(w);
  return run_program(arguments, netns);
}

int in_child(const std::function<int()>& body) {
  const pid_t parent = ::getpid();
  std::fflush(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) throw Error("fork", errno);
  if (pid == 0) {
    die_with(parent);
    int code = 125;
    try {
      code = body();
    } catch (const std::exception& e) {
      std::fprintf(stderr, "in a child: %s\n", e.what());
    }
    ::_exit(code);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return decode(status);
}

pid_t child_that_stays(const std::function<void()>& body) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw Error("make a pipe", errno);
  Fd ours(ends[0]), theirs(ends[1]);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) throw Error("fork", errno);
  if (pid == 0) {
    die_with(parent);
    ours.reset();
    try {
      body();
      theirs.reset();
      for (;;) ::pause();
    } catch (const std::exception& e) {
      std::fprintf(stderr, "in a child: %s\n", e.what());
    }
    ::_exit(125);
  }
  theirs.reset();
  char nothing = 0;
  (void)!::read(ours.get(), &nothing, 1);
  return pid;
}

}  // namespace vpnd::test
