// SPDX-License-Identifier: ISC
#pragma once

// What the kernel knows in a network namespace, as lines to compare: links and their settings,
// addresses, routes of all tables, rules, nftables. Counters and caches are left out.

#include <string>
#include <vector>

namespace vpnd::demo {

using State = std::vector<std::string>;  // sorted

State take_state();  // of the current network namespace. Throws Error

// "+ ..." for what is new, "- ..." for what is gone.
std::vector<std::string> differences(const State& before, const State& after);

}  // namespace vpnd::demo
