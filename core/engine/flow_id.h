// SPDX-License-Identifier: ISC
#pragma once

// Which inner flow a packet belongs to: its addresses and protocol, and the ports of TCP, UDP,
// UDP-Lite, DCCP and SCTP unless it is a fragment. Keyed, so that nobody can choose packets that
// fall together with another's.

#include <cstdint>

#include "core/wire/ip.h"
#include "crypto/hash.h"

namespace vpnd::engine {

std::uint64_t flow_id(Bytes packet, const wire::IpInfo&, const crypto::ShortHashKey&) noexcept;

}  // namespace vpnd::engine
