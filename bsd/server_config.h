// SPDX-License-Identifier: ISC
#pragma once

// What a server's configuration leaves to its host.

#include <vector>

#include "bsd/fd.h"
#include "core/plan/config.h"

namespace vpnd::bsd {

// Where it listens. No socket of ours takes both families, so "every address" is two of them.
// Throws Error: a name does not resolve.
std::vector<Endpoint> listen_endpoints(const plan::ServerConfig&, bool has_v6);

// Nothing can send a client's look-ups on here: it is told of this host's own resolvers instead of
// our address. A server that has none that others can ask says so.
void announce_resolvers(plan::ServerConfig&);

// Throws Error; port in use is Exit::temporary, after a second in which it could become free.
std::vector<Fd> open_listeners(const std::vector<Endpoint>&);

}  // namespace vpnd::bsd
