// SPDX-License-Identifier: ISC
#include "linux/fd.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "core/base/error.h"

namespace vpnd {

void Fd::reset(int fd) noexcept {
  const int old = std::exchange(fd_, fd);
  // Never retried: on Linux the descriptor is gone even when close() is interrupted.
  if (old >= 0) ::close(old);
}

Fd Fd::duplicate() const {
  Fd copy(::fcntl(fd_, F_DUPFD_CLOEXEC, 0));
  if (!copy) throw Error("duplicate a descriptor", errno);
  return copy;
}

}  // namespace vpnd
