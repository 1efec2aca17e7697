// SPDX-License-Identifier: ISC
#pragma once

// What the host looks like before we touch it.

#include "linux/netlink.h"
#include "linux/objects.h"

namespace vpnd::nl {

// All but the foreign firewall chains. Throws Error.
HostFacts gather(Netlink&);

}  // namespace vpnd::nl
