// SPDX-License-Identifier: ISC
#pragma once

// A file descriptor that closes itself.

#include <utility>

namespace vpnd::bsd {

class Fd {
 public:
  Fd() noexcept = default;
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& o) noexcept : fd_(o.release()) {}
  Fd& operator=(Fd&& o) noexcept {
    if (this != &o) reset(o.release());
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  explicit operator bool() const noexcept { return fd_ >= 0; }
  int get() const noexcept { return fd_; }
  int release() noexcept { return std::exchange(fd_, -1); }
  void reset(int fd = -1) noexcept;  // closes what it held

 private:
  int fd_ = -1;
};

// Non-blocking, closed by exec, and no SIGPIPE from it where a socket can be told so. Not all of
// these systems take that with socket(2) or accept(2). False: it is no descriptor.
bool prepare(const Fd&) noexcept;

}  // namespace vpnd::bsd
