// SPDX-License-Identifier: ISC
#pragma once

// Where a server listens, and who made the sockets: a socket unit of the service manager, the
// process before this one, or we ourselves.

#include <vector>

#include "core/base/addr.h"
#include "linux/fd.h"

namespace vpnd::nl {

struct Listeners {
  std::vector<Fd> sockets;
  std::vector<Endpoint> endpoints;
};

// A socket for each endpoint, one of `kept` where that listens there. "::" takes both families,
// unless the port's v4 addresses are asked for besides. Throws Error.
Listeners open_listeners(const std::vector<Endpoint>&, std::vector<Fd> kept);
// Sockets of a socket unit: they say where. Throws Error.
Listeners given_listeners(std::vector<Fd>);

}  // namespace vpnd::nl
