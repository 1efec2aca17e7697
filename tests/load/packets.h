// SPDX-License-Identifier: ISC
#pragma once

// The inner packets of a load's clients: IPv4 with UDP (RFC 768) or an ICMP echo (RFC 792).

#include <optional>

#include "core/base/addr.h"
#include "core/wire/offload.h"

namespace vpnd::load {

struct Flow {
  Address from, to;
  std::uint16_t from_port = 0, to_port = 0;
};

inline constexpr std::size_t kHeaders = 20 + 8;  // of either

// Writes the headers; the payload lies behind them already. With more payload than one segment it
// is one packet with offload, as a TUN gives it. Returns the packet's size.
std::size_t write_udp(const Flow&, std::size_t payload, MutBytes room, wire::VnetHeader&) noexcept;
// An echo request with a payload of 8 bytes: `stamp`, which comes back.
std::size_t write_ping(const Flow&, std::uint64_t stamp, MutBytes room) noexcept;

struct Arrived {
  Bytes datagram;                      // payload of UDP
  std::optional<std::uint64_t> stamp;  // of an echo reply
};
// nullopt: neither.
std::optional<Arrived> read_packet(Bytes packet) noexcept;

}  // namespace vpnd::load
