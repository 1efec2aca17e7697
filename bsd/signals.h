// SPDX-License-Identifier: ISC
#pragma once

// Signals of the keeper as bytes of a pipe, which poll(2) waits for with everything else.

#include <csignal>

#include <array>

#include "bsd/fd.h"

namespace vpnd::bsd {

// INT, TERM, HUP, USR1, USR2 and CHLD become readable; PIPE is ignored. What was before comes back
// with the destructor, since a caller may go on after the tunnel. One at a time.
class Signals {
 public:
  Signals();  // throws Error
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals();

  int fd() const noexcept { return read_.get(); }
  int next() noexcept;  // its number; 0: none
  // From here on INT and TERM end the process at once, also one that has come meanwhile.
  void let_through() noexcept;

 private:
  static constexpr std::array<int, 7> kNumbers{SIGINT,  SIGTERM, SIGHUP, SIGUSR1,
                                               SIGUSR2, SIGCHLD, SIGPIPE};
  Fd read_, write_;
  std::array<struct sigaction, kNumbers.size()> before_{};
};

// In a forked process that has none of this: what its parent is told is nothing to it, and its own
// signals come back to what they were made for.
void ignore_signals() noexcept;

}  // namespace vpnd::bsd
