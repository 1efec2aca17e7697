// SPDX-License-Identifier: ISC
#include "linux/ring.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace vpnd::nl {
namespace {

// Reading the TUN; sending and receiving; waiting for readiness; taking back what waits. Neither
// files nor sockets can be opened with these, and no flag of a submission is allowed.
constexpr std::array<std::uint8_t, 5> kAllowed{IORING_OP_READV, IORING_OP_SENDMSG, IORING_OP_RECV,
                                               IORING_OP_POLL_ADD, IORING_OP_ASYNC_CANCEL};

// liburing 2.3 declares functions for these two, but Debian 12's shared library has them not.
int ring_register(int fd, unsigned what, const void* arg, unsigned count) noexcept {
  return static_cast<int>(syscall(__NR_io_uring_register, fd, what, arg, count));
}

}  // namespace

std::optional<Ring> Ring::make(unsigned entries) noexcept {
  static constexpr unsigned kDeferred = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
  for (const unsigned flags : {kDeferred, unsigned{IORING_SETUP_COOP_TASKRUN}, 0u}) {
    Ring ring;
    io_uring_params params{};
    params.flags = flags | IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
    params.cq_entries = entries * 4;
    const int made = io_uring_queue_init_params(entries, &ring.ring_, &params);
    if (made == -EINVAL) continue;  // a flag that this kernel does not know
    if (made < 0) return std::nullopt;
    ring.open_ = true;
    ring.deferred_ = flags == kDeferred;
    // Waiting with a time limit, without an operation for it: 5.11.
    if ((params.features & IORING_FEAT_EXT_ARG) == 0) return std::nullopt;
    ring.restrict();
    return ring;
  }
  return std::nullopt;
}

void Ring::restrict() noexcept {
  std::array<io_uring_restriction, kAllowed.size()> list{};
  for (std::size_t i = 0; i < list.size(); ++i) {
    list[i].opcode = IORING_RESTRICTION_SQE_OP;
    list[i].sqe_op = kAllowed[i];
  }
  restricted_ =
      ring_register(ring_.ring_fd, IORING_REGISTER_RESTRICTIONS, list.data(), list.size()) == 0;
}

// With SINGLE_ISSUER the caller becomes the only one that may submit.
bool Ring::enable() noexcept {
  return ring_register(ring_.ring_fd, IORING_REGISTER_ENABLE_RINGS, nullptr, 0) == 0;
}

Ring::Ring(Ring&& o) noexcept
    : ring_(o.ring_),
      open_(std::exchange(o.open_, false)),
      deferred_(o.deferred_),
      restricted_(o.restricted_) {}

Ring::~Ring() {
  if (open_) io_uring_queue_exit(&ring_);
}

io_uring_sqe& Ring::sqe() noexcept {
  io_uring_sqe* e = io_uring_get_sqe(&ring_);
  while (e == nullptr) {
    io_uring_submit(&ring_);
    e = io_uring_get_sqe(&ring_);
  }
  return *e;
}

bool Ring::wait(Duration at_most) noexcept {
  io_uring_cqe* cqe = nullptr;
  __kernel_timespec limit{};
  limit.tv_sec = at_most.count() / 1'000'000'000;
  limit.tv_nsec = at_most.count() % 1'000'000'000;
  const int r = io_uring_submit_and_wait_timeout(&ring_, &cqe, 1, &limit, nullptr);
  return r >= 0 || r == -ETIME || r == -EINTR || r == -EAGAIN || r == -EBUSY;
}

}  // namespace vpnd::nl
