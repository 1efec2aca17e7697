// SPDX-License-Identifier: ISC
#pragma once

// What we need to know of an inner packet (RFC 791, RFC 8200). Nothing is trusted: every length is
// checked against the packet.

#include <optional>

#include "core/base/addr.h"

namespace vpnd::wire {

struct IpInfo {
  Address source, destination;
  std::uint8_t protocol = 0;  // of the header at transport_offset; v6: after extensions
  std::uint16_t transport_offset = 0;
  bool fragment = false;  // any fragment, the first included
  bool v6_extensions = false;
};

// nullopt: not an IP packet, a header beyond its end, or a total length that differs from its size.
std::optional<IpInfo> parse_ip(Bytes packet) noexcept;

// One's-complement sum (RFC 1071), folded, not inverted.
std::uint16_t checksum_add(Bytes data, std::uint32_t start = 0) noexcept;

}  // namespace vpnd::wire
