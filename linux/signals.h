// SPDX-License-Identifier: ISC
#pragma once

// Signals of the keeper as a descriptor; no handler runs anywhere.

#include <csignal>

#include "linux/fd.h"

namespace vpnd::nl {

// INT, TERM, HUP, USR1, USR2 and CHLD become readable; PIPE is ignored. The mask as it was comes
// back with the destructor, since a caller may go on after the tunnel.
class Signals {
 public:
  Signals();  // throws Error
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals();

  int fd() const noexcept { return fd_.get(); }
  int next() noexcept;  // its number; 0: none
  // From here on INT and TERM end the process at once, also one that has come meanwhile.
  static void let_through() noexcept;

 private:
  sigset_t before_{};
  Fd fd_;
};

}  // namespace vpnd::nl
