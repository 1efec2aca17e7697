// SPDX-License-Identifier: ISC
#pragma once

// A program on a terminal of its own, whose other end is ours.

#include <sys/types.h>
#include <termios.h>

#include <string>
#include <utility>
#include <vector>

#include "linux/fd.h"

namespace vpnd::test {

class Pty {
 public:
  using Environment = std::vector<std::pair<std::string, std::string>>;
  // Beside these variables the program has none.
  Pty(const std::vector<std::string>& arguments, const Environment&, unsigned width = 80,
      unsigned height = 24);
  Pty(const Pty&) = delete;
  Pty& operator=(const Pty&) = delete;
  ~Pty();

  void type(const std::string& keys) const;
  void resize(unsigned width, unsigned height) const;  // it gets SIGWINCH
  void signal(int) const noexcept;
  // Until what it wrote since the last forget() contains that. False: not within so many seconds.
  bool shows(const std::string& text, double seconds = 10);
  void forget() { screen_.clear(); }
  const std::string& screen();  // all since then
  termios settings() const;
  // Its status as of waitpid(2); -1: it is there after so many seconds. With `stopped` also when it
  // stopped.
  int wait(double seconds = 10, bool stopped = false);

 private:
  void read_some();
  pid_t pid_ = -1;
  Fd master_, slave_;
  std::string screen_;
};

}  // namespace vpnd::test
