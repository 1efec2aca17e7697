// SPDX-License-Identifier: ISC
#pragma once

// Lines for the packet filter of each system, as text: none of them has an interface to programs
// that stays the same from one release to the next, so that an administrator loads them.

#include <string>
#include <vector>

#include "bsd/traits.h"
#include "core/plan/plan.h"

namespace vpnd::bsd {

struct FilterLines {
  std::string file;                // where they go, or the word for it: "/etc/pf.conf"
  std::vector<std::string> lines;  // in the order in which the filter wants them
};

// What a server's clients need to get out, and what keeps them out of the server's own networks.
// `uplink` empty: not known, and a name stands for it. The second one, where there is one, is
// another filter of the same system. `mtu`: of the tunnel.
std::vector<FilterLines> filter_lines(const Traits&, const plan::Forward&, Mtu mtu,
                                      const std::string& uplink);

}  // namespace vpnd::bsd
