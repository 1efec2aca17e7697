// SPDX-License-Identifier: ISC
#pragma once

// The other side of resolver_request.h: root without capabilities, which is all that the resolver
// file and systemd-resolved ask for. Started when somebody connects, it ends when nobody has come
// for a while.

#include <chrono>
#include <string>

#include "core/base/error.h"

namespace vpnd::nl {

struct ResolverService {
  int listener = -1;            // SOCK_SEQPACKET; who may connect is decided by its file
  std::string state_directory;  // for what a resolver file said that cannot change places
  std::chrono::milliseconds idle{10'000};
};
Exit serve_resolver(const ResolverService&);  // throws Error

// What a service manager has passed us (sd_listen_fds(3)): the only one, a listening socket of that
// kind. Throws Error (Exit::usage).
int passed_listener();

}  // namespace vpnd::nl
