// SPDX-License-Identifier: ISC
#include "tests/unit/bsd_host/getpeereid.h"

#include <sys/socket.h>

extern "C" int getpeereid(int socket, uid_t* user, gid_t* group) noexcept {
  ucred who{};
  socklen_t size = sizeof who;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return -1;
  *user = who.uid;
  *group = who.gid;
  return 0;
}
