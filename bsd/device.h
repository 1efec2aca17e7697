// SPDX-License-Identifier: ISC
#pragma once

// What has no common call on these systems, in device.cpp by what their headers have.

#include <cstdint>
#include <string>

namespace vpnd::bsd {

// The tunnel device of that name, non-blocking and closed on exec; or -errno.
int open_tun(const std::string& name);

// The routing table of this process; 0 where there is one only.
std::uint32_t own_routing_table() noexcept;

}  // namespace vpnd::bsd
