// SPDX-License-Identifier: ISC
#pragma once

// kqueue(2), level-triggered: which descriptors can be read or written.

#include <sys/types.h>
// sys/event.h of some systems does not bring what it needs.
#include <sys/event.h>

#include <array>
#include <cstdint>
#include <span>

#include "bsd/fd.h"
#include "core/base/time.h"

namespace vpnd::bsd {

// What is waited for at one descriptor.
struct Interest {
  bool read = false, write = false;
  friend bool operator==(const Interest&, const Interest&) = default;
};

struct Happened {
  std::uintptr_t tag = 0;
  bool readable = false, writable = false;
};

class Kqueue {
 public:
  Kqueue();  // throws Error

  // From what is waited for to what shall be. 0, or errno; `now` is what holds afterwards. Nothing
  // must be waited for any more when the descriptor is closed.
  int watch(int fd, Interest& now, Interest wanted, std::uintptr_t tag) noexcept;
  // Tells when that process has ended. 0, or errno.
  int watch_process(pid_t, std::uintptr_t tag) noexcept;

  // At most so long. Throws Error.
  std::span<const Happened> wait(Duration);

 private:
  // Their types are not the same everywhere.
  using Filter = decltype(kevent::filter);
  using Flags = decltype(kevent::flags);
  int change(int ident, Filter, Flags, std::uintptr_t tag) noexcept;

  static constexpr std::size_t kMost = 256;
  Fd queue_;
  std::array<struct kevent, kMost> events_;
  std::array<Happened, kMost> happened_;
};

}  // namespace vpnd::bsd
