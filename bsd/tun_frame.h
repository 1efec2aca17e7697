// SPDX-License-Identifier: ISC
#pragma once

// What stands before each packet that a tun device gives or takes: its address family, four bytes,
// network order. One read or write call carries one packet.

#include <optional>

#include "bsd/traits.h"
#include "core/base/bytes.h"

namespace vpnd::bsd {

inline constexpr std::size_t kFrameHeader = 4;

// The four bytes before `packet`, an IPv4 or IPv6 packet of at least one byte. False: it is
// neither, and must not be written: a device takes anything for IPv4.
[[nodiscard]] inline bool put_frame_header(const Traits& t, std::uint8_t* header,
                                           Bytes packet) noexcept {
  if (packet.empty()) return false;
  const unsigned version = packet[0] >> 4;
  if (version != 4 && version != 6) return false;
  store_be32(header, version == 4 ? kInet : t.inet6);
  return true;
}

// Is it one that the kernel sends on every interface for its own purposes: to IPv6 multicast, or
// to or from a link-local address? These come as soon as the device has an IPv6 address, and are
// nothing to a tunnel. pre: a whole IPv6 header.
[[nodiscard]] inline bool of_one_link(Bytes packet) noexcept {
  const auto link_local = [](const std::uint8_t* a) {
    return a[0] == 0xfe && (a[1] & 0xc0) == 0x80;
  };
  const std::uint8_t *from = packet.data() + 8, *to = packet.data() + 24;
  return to[0] == 0xff || link_local(to) || link_local(from);
}

// The packet in what one read gave. nullopt: none of ours to carry: too short, of another family
// than the packet says itself, or of_one_link().
[[nodiscard]] inline std::optional<MutBytes> packet_of(const Traits& t, MutBytes read) noexcept {
  if (read.size() < kFrameHeader + 20) return std::nullopt;
  const std::uint32_t family = load_be32(read.data());
  const MutBytes packet = read.subspan(kFrameHeader);
  const unsigned version = packet[0] >> 4;
  if (family == kInet && version == 4) return packet;
  if (family != t.inet6 || version != 6 || packet.size() < 40) return std::nullopt;
  if (of_one_link(packet)) return std::nullopt;
  return packet;
}

}  // namespace vpnd::bsd
