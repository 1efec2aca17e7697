// SPDX-License-Identifier: ISC
#pragma once

// Where things are in a packet that a transport offload may apply to: TCP (RFC 9293) or UDP (RFC
// 768) behind an IP header, unfragmented. All of it is checked against the packet.

#include <optional>

#include "core/wire/ip.h"
#include "core/wire/offload.h"

namespace vpnd::wire {

struct Layout {
  bool v4 = true, tcp = true, plain_v6 = true;
  std::uint16_t transport = 0, header_end = 0, checksum = 0;  // offsets in the packet
  std::size_t payload = 0;
};
std::optional<Layout> layout(const IpInfo&, Bytes packet) noexcept;
bool kind_fits(const Offload&, const Layout&) noexcept;

// The sum of the pseudo-header (RFC 9293 3.1, RFC 8200 8.1) without extension headers. Partial
// checksums have it, folded, in their field.
std::uint32_t pseudo_sum(Bytes packet, const Layout&, std::size_t transport_size) noexcept;
// Inverts the sum; for UDP, where 0 means "none", 0 becomes 0xffff (RFC 768).
void store_checksum(std::uint8_t* at, std::uint16_t sum, bool udp) noexcept;
// IPv4: the header's checksum anew. Pre: the header ends at `header`.
void sum_ipv4_header(MutBytes packet, std::size_t header) noexcept;
// The length of the whole, and what depends on it in the IP header, which ends at `header`.
void set_ip_size(MutBytes packet, std::size_t header, std::size_t size) noexcept;

// Makes the headers in front those of a super-packet of `size` bytes in all, with segments of
// `segment` bytes behind each TCP or UDP header: lengths, partial checksum, and what the TUN is
// told.
void start_super_packet(MutBytes headers, std::uint16_t transport, std::size_t size,
                        std::uint16_t segment, bool tcp, VnetHeader&) noexcept;

}  // namespace vpnd::wire
