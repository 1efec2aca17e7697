// SPDX-License-Identifier: ISC
#include "bsd/signals.h"

#include <unistd.h>

#include <cerrno>

#include "core/base/error.h"

namespace vpnd::bsd {
namespace {

volatile std::sig_atomic_t g_pipe = -1;

extern "C" void note_signal(int number) {
  const int before = errno;
  const auto byte = static_cast<unsigned char>(number);
  // A full pipe has so many of them that one more says nothing new.
  if (::write(static_cast<int>(g_pipe), &byte, 1) < 0) errno = before;
  errno = before;
}

void handle(int number, void (*how)(int), struct sigaction* before = nullptr) noexcept {
  struct sigaction action {};
  action.sa_handler = how;
  sigemptyset(&action.sa_mask);
  (void)::sigaction(number, &action, before);
}

}  // namespace

Signals::Signals() {
  int ends[2];
  if (::pipe(ends) < 0) throw Error("make a pipe", errno, {}, Exit::os);
  read_.reset(ends[0]);
  write_.reset(ends[1]);
  if (!prepare(read_) || !prepare(write_)) throw Error("make a pipe", errno, {}, Exit::os);
  g_pipe = write_.get();
  for (std::size_t i = 0; i < kNumbers.size(); ++i) {
    handle(kNumbers[i], kNumbers[i] == SIGPIPE ? SIG_IGN : note_signal, &before_[i]);
  }
}

Signals::~Signals() {
  for (std::size_t i = 0; i < kNumbers.size(); ++i) {
    (void)::sigaction(kNumbers[i], &before_[i], nullptr);
  }
  g_pipe = -1;
}

int Signals::next() noexcept {
  unsigned char number = 0;
  return ::read(read_.get(), &number, 1) == 1 ? number : 0;
}

void Signals::let_through() noexcept {
  for (const int number : {SIGINT, SIGTERM}) handle(number, SIG_DFL);
  for (int number = next(); number != 0; number = next()) {
    if (number == SIGINT || number == SIGTERM) (void)::raise(number);
  }
}

void ignore_signals() noexcept {
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE}) {
    handle(number, SIG_IGN);
  }
  handle(SIGCHLD, SIG_DFL);
}

}  // namespace vpnd::bsd
