// SPDX-License-Identifier: ISC
#pragma once

// What a tunnel device may hand over and take in one piece. Alone in its file, for tests link
// another one in its place.

#include <cstdint>

#include "linux/fd.h"

namespace vpnd::nl {

// Turns on as much as the kernel has, for an attached queue with IFF_VNET_HDR. Returns the
// container kinds that may be written to it (wire::Kind bits); at the least kKindPlain.
std::uint16_t negotiate_offload(const Fd& queue) noexcept;

}  // namespace vpnd::nl
