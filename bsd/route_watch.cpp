// SPDX-License-Identifier: ISC
#include "bsd/route_watch.h"

#include <sys/types.h>
// Before the others, which need what it declares.
#include <sys/socket.h>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "bsd/native.h"
#include "bsd/route_message.h"
#include "core/base/error.h"

namespace vpnd::bsd {

int open_route_watch() {
  const int fd = ::socket(PF_ROUTE, SOCK_RAW, 0);
  if (fd < 0) throw Error("watch the routes", errno, {}, Exit::os);
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags >= 0 && ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
      ::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) {
    return fd;
  }
  const int why = errno;
  ::close(fd);
  throw Error("watch the routes", why, {}, Exit::os);
}

bool ways_changed(int watch) noexcept {
  constexpr int kMost = 256;  // in one go: others may talk without end
  bool changed = false;
  ByteArray<2048> room;
  for (int i = 0; i < kMost; ++i) {
    const ssize_t n = ::read(watch, room.data(), room.size());
    if (n < 0 && errno == ENOBUFS) {
      changed = true;  // some are lost
      continue;
    }
    if (n <= 0) break;
    const Parsed parsed = parse(native(), Bytes(room).first(static_cast<std::size_t>(n)));
    changed = changed || (parsed.message && changes_ways(native(), *parsed.message));
  }
  return changed;
}

}  // namespace vpnd::bsd
