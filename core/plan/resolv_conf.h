// SPDX-License-Identifier: ISC
#pragma once

// The resolver file, resolv.conf(5).

#include <string_view>
#include <vector>

#include "core/base/addr.h"

namespace vpnd::plan {

// Its "nameserver" lines, in their order; what is no address, or one of a single link, is left out.
std::vector<Address> nameservers(std::string_view text);

// Those that others could ask as well: not on loopback.
std::vector<Address> askable(const std::vector<Address>&);

}  // namespace vpnd::plan
