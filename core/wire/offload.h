// SPDX-License-Identifier: ISC
#pragma once

// The header a TUN with IFF_VNET_HDR puts before a packet, and what of it travels: a kind and a
// segment size. The rest is recomputed and checked by the receiver (the peer is never trusted with
// it): linux/virtio_net.h, VIRTIO 1.2 section 5.1.6.

#include <functional>
#include <optional>

#include "core/base/bytes.h"
#include "core/base/drop.h"

namespace vpnd::wire {

// As the kernel lays it out, native byte order, 10 bytes. Declared here because the kernel's header
// is not C++.
struct VnetHeader {
  std::uint8_t flags = 0;     // 1 needs checksum, 2 data valid
  std::uint8_t gso_type = 0;  // 0 none, 1 TCPv4, 4 TCPv6, 5 UDP (USO), 0x80 ECN
  std::uint16_t header_length = 0;
  std::uint16_t gso_size = 0;
  std::uint16_t csum_start = 0;
  std::uint16_t csum_offset = 0;
};
static_assert(sizeof(VnetHeader) == 10);

inline constexpr std::uint8_t kVnetNeedsChecksum = 1;
inline constexpr std::uint8_t kVnetGsoTcp4 = 1, kVnetGsoTcp6 = 4, kVnetGsoUdp = 5,
                              kVnetGsoEcn = 0x80;

enum class Kind : std::uint8_t { plain = 0, needs_checksum = 1, tso4 = 2, tso6 = 3, uso = 4 };
inline constexpr std::uint16_t kKindPlain = 1;  // bit of kind 0, always announced
inline constexpr std::uint16_t kKindsNoUso = 0x0f, kKindsAll = 0x1f;
constexpr std::uint16_t kind_bit(Kind k) noexcept {
  return static_cast<std::uint16_t>(1u << static_cast<unsigned>(k));
}

struct Offload {
  Kind kind = Kind::plain;
  std::uint16_t segment_size = 0;  // TSO and USO only
  friend bool operator==(const Offload&, const Offload&) = default;
};

// From our own TUN. nullopt: the kernel said something that we do not carry (UFO, odd offsets).
std::optional<Offload> from_vnet(const VnetHeader&, Bytes packet) noexcept;

// To our own TUN, from hostile bytes: computes the header anew from the packet, or says why not.
// TSO_ECN is set from the TCP CWR flag.
Drop to_vnet(const Offload&, Bytes packet, VnetHeader& out) noexcept;

// Completes a partial checksum in place; for a receiver whose TUN takes plain packets only.
// Pre: to_vnet accepted it.
void complete_checksum(const Offload&, MutBytes packet) noexcept;

// Cuts a TSO or USO packet into packets of at most segment_size payload with complete checksums
// (CWR on the first only, FIN and PSH on the last, IPv4 id counted up). `scratch` holds one
// segment at a time and must have room for header and segment; each is handed to `emit`.
// Pre: to_vnet accepted it. False: scratch too small, or not a TSO/USO kind.
bool segment(const Offload&, Bytes packet, MutBytes scratch,
             const std::function<void(MutBytes)>& emit);

}  // namespace vpnd::wire
