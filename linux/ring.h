// SPDX-License-Identifier: ISC
#pragma once

// One io_uring, created disabled, limited to the operations that the driver uses, then enabled:
// seccomp does not see what goes through a ring (io_uring_register(2),
// IORING_REGISTER_RESTRICTIONS). What an older kernel lacks is left out flag by flag, and told.

#include <liburing.h>

#include <optional>

#include "core/base/time.h"

namespace vpnd::nl {

class Ring {
 public:
  // nullopt: this process may have no ring, or the kernel has none. It takes no work yet.
  static std::optional<Ring> make(unsigned entries) noexcept;
  Ring(Ring&&) noexcept;
  Ring& operator=(Ring&&) = delete;
  ~Ring();

  // By the thread that will use it, before its system calls are limited. False: it is of no use.
  bool enable() noexcept;

  int fd() const noexcept { return ring_.ring_fd; }
  bool deferred() const noexcept { return deferred_; }      // DEFER_TASKRUN, SINGLE_ISSUER
  bool restricted() const noexcept { return restricted_; }  // nothing but the list below

  // Never null: submits what is queued when the queue is full.
  io_uring_sqe& sqe() noexcept;
  // Submits, and waits until a completion is there or the time has come. False: the ring is broken.
  bool wait(Duration at_most) noexcept;
  template<class F>
  void completions(F&& each) {
    io_uring_cqe* cqe = nullptr;
    unsigned head = 0, seen = 0;
    io_uring_for_each_cqe(&ring_, head, cqe) {
      each(cqe->user_data, cqe->res);
      ++seen;
    }
    io_uring_cq_advance(&ring_, seen);
  }

 private:
  Ring() noexcept = default;
  void restrict() noexcept;
  io_uring ring_{};
  bool open_ = false, deferred_ = false, restricted_ = false;
};

}  // namespace vpnd::nl
