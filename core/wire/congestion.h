// SPDX-License-Identifier: ISC
#pragma once

// Telling the sender of an inner flow that a queue stands: by a mark (RFC 3168), or by losing as
// little as its protocol notices.

#include "core/wire/offload.h"

namespace vpnd::wire {

// Sets CE if the packet's sender understands marks (ECT(0), ECT(1), or CE already). Pre: parse_ip
// accepted the packet.
bool mark_congestion(MutBytes packet) noexcept;

// Takes the last segment off a TSO or USO packet of at least two and makes its headers fit; a
// packet of one segment is left as needs_checksum. Returns the new size; 0: nothing was done.
// Pre: from_vnet gave this offload for the packet.
std::size_t cut_last_segment(Offload&, MutBytes packet) noexcept;

}  // namespace vpnd::wire
