// SPDX-License-Identifier: ISC
#include "tests/daemon/pty.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utmp.h>

#include <cerrno>

#include "tests/daemon/lab.h"

namespace vpnd::test {

Pty::Pty(const std::vector<std::string>& arguments, const Environment& environment, unsigned width,
         unsigned height) {
  const winsize size{static_cast<unsigned short>(height), static_cast<unsigned short>(width), 0, 0};
  int master = -1, slave = -1;
  cr_assert_eq(openpty(&master, &slave, nullptr, nullptr, &size), 0);
  master_.reset(master);
  slave_.reset(slave);
  std::vector<std::string> variables;
  for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
  std::vector<char*> argv, envp;
  for (const auto& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  for (const auto& v : variables) envp.push_back(const_cast<char*>(v.c_str()));
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  pid_ = fork();
  cr_assert_geq(pid_, 0);
  if (pid_ != 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  login_tty(slave);
  close(master);
  execve(argv[0], argv.data(), envp.data());
  _exit(127);
}

Pty::~Pty() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void Pty::type(const std::string& keys) const {
  cr_assert_eq(write(master_.get(), keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
}

void Pty::resize(unsigned width, unsigned height) const {
  const winsize size{static_cast<unsigned short>(height), static_cast<unsigned short>(width), 0, 0};
  cr_assert_eq(ioctl(master_.get(), TIOCSWINSZ, &size), 0);
}

void Pty::signal(int number) const noexcept {
  kill(pid_, number);
}

void Pty::read_some() {
  pollfd p{master_.get(), POLLIN, 0};
  while (poll(&p, 1, 0) > 0 && (p.revents & POLLIN) != 0) {
    char room[16384];
    const ssize_t n = read(master_.get(), room, sizeof room);
    if (n <= 0) return;
    screen_.append(room, static_cast<std::size_t>(n));
  }
}

bool Pty::shows(const std::string& text, double seconds) {
  return eventually([&] { return screen().find(text) != std::string::npos; }, seconds);
}

const std::string& Pty::screen() {
  read_some();
  return screen_;
}

termios Pty::settings() const {
  termios out{};
  cr_assert_eq(tcgetattr(slave_.get(), &out), 0);
  return out;
}

int Pty::wait(double seconds, bool stopped) {
  int status = -1;
  const bool ended = eventually(
      [&] {
        read_some();  // it may be waiting for room
        return waitpid(pid_, &status, WNOHANG | (stopped ? WUNTRACED : 0)) == pid_;
      },
      seconds);
  if (!ended) return -1;
  if (!WIFSTOPPED(status)) pid_ = -1;
  return status;
}

}  // namespace vpnd::test
