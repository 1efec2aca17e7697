// SPDX-License-Identifier: ISC
#include "bsd/kqueue.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "core/base/error.h"

namespace vpnd::bsd {

// The queue does not survive a fork, so that none is inherited by mistake.
Kqueue::Kqueue() : queue_(::kqueue()) {
  if (!queue_) throw Error("make an event queue", errno, {}, Exit::os);
  (void)::fcntl(queue_.get(), F_SETFD, FD_CLOEXEC);
}

int Kqueue::change(int ident, Filter filter, Flags flags, std::uintptr_t tag) noexcept {
  struct kevent e {};
  const unsigned notes = filter == EVFILT_PROC ? NOTE_EXIT : 0u;
  EV_SET(&e, static_cast<std::uintptr_t>(ident), filter, flags, notes, 0,
         reinterpret_cast<void*>(tag));
  const timespec at_once{};
  return ::kevent(queue_.get(), &e, 1, nullptr, 0, &at_once) < 0 ? errno : 0;
}

int Kqueue::watch(int fd, Interest& now, Interest wanted, std::uintptr_t tag) noexcept {
  const auto go_over = [&](bool& is, bool shall, Filter filter) noexcept {
    if (is == shall) return 0;
    const int why = change(fd, filter, shall ? EV_ADD : EV_DELETE, tag);
    if (shall && why != 0) return why;
    is = shall;
    return 0;
  };
  const int read = go_over(now.read, wanted.read, EVFILT_READ);
  const int write = go_over(now.write, wanted.write, EVFILT_WRITE);
  return read != 0 ? read : write;
}

int Kqueue::watch_process(pid_t pid, std::uintptr_t tag) noexcept {
  return change(pid, EVFILT_PROC, EV_ADD | EV_ONESHOT, tag);
}

std::span<const Happened> Kqueue::wait(Duration patience) {
  const auto left = std::max(patience, Duration{});
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
  timespec limit{};
  limit.tv_sec = static_cast<time_t>(seconds.count());
  limit.tv_nsec = static_cast<long>((left - seconds).count());
  const int n =
      ::kevent(queue_.get(), nullptr, 0, events_.data(), static_cast<int>(events_.size()), &limit);
  if (n < 0 && errno != EINTR) throw Error("wait for events", errno, {}, Exit::os);
  const auto count = static_cast<std::size_t>(std::max(n, 0));
  for (std::size_t i = 0; i < count; ++i) {
    const struct kevent& e = events_[i];
    happened_[i] = {reinterpret_cast<std::uintptr_t>(e.udata), e.filter != EVFILT_WRITE,
                    e.filter == EVFILT_WRITE};
  }
  return std::span(happened_).first(count);
}

}  // namespace vpnd::bsd
