// SPDX-License-Identifier: ISC
#include "bsd/fd.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace vpnd::bsd {

void Fd::reset(int fd) noexcept {
  const int old = std::exchange(fd_, fd);
  // Never retried: another thread's file could have the number by then.
  if (old >= 0) ::close(old);
}

bool prepare(const Fd& fd) noexcept {
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0) return false;
  if (::fcntl(fd.get(), F_SETFD, FD_CLOEXEC) != 0) return false;
#ifdef SO_NOSIGPIPE
  const int on = 1;
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
  return true;
}

}  // namespace vpnd::bsd
