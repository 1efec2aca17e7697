// SPDX-License-Identifier: ISC
#include "linux/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>

#include "core/base/error.h"

namespace vpnd::nl {

Signals::Signals() {
  sigset_t ours;
  sigemptyset(&ours);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD})
    sigaddset(&ours, number);
  if (sigprocmask(SIG_BLOCK, &ours, &before_) < 0) throw Error("block signals", errno);
  fd_.reset(signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd_) throw Error("make a signal descriptor", errno);
  std::signal(SIGPIPE, SIG_IGN);
}

Signals::~Signals() {
  // What came meanwhile was meant for the tunnel that is gone.
  while (next() != 0) {
  }
  sigprocmask(SIG_SETMASK, &before_, nullptr);
}

void Signals::let_through() noexcept {
  sigset_t deadly;
  sigemptyset(&deadly);
  for (const int number : {SIGINT, SIGTERM}) {
    std::signal(number, SIG_DFL);
    sigaddset(&deadly, number);
  }
  sigprocmask(SIG_UNBLOCK, &deadly, nullptr);
}

int Signals::next() noexcept {
  signalfd_siginfo info{};
  if (read(fd_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return 0;
  return static_cast<int>(info.ssi_signo);
}

}  // namespace vpnd::nl
