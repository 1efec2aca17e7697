// SPDX-License-Identifier: ISC
#include "core/wire/ip.h"

#include "core/wire/pool.h"

namespace vpnd::wire {
namespace {

constexpr std::uint8_t kHopByHop = 0, kRouting = 43, kFragment = 44, kAuthentication = 51,
                       kDestination = 60, kMobility = 135, kHip = 139, kShim6 = 140;
constexpr std::size_t kV6Header = 40;

std::optional<IpInfo> parse_v4(Bytes packet) noexcept {
  if (packet.size() < 20) return std::nullopt;
  const std::size_t header = std::size_t{packet[0] & 0x0fu} * 4;
  if (header < 20 || header > packet.size()) return std::nullopt;
  if (load_be16(&packet[2]) != packet.size()) return std::nullopt;
  IpInfo info;
  info.source = Address::v4(packet.subspan(12, 4));
  info.destination = Address::v4(packet.subspan(16, 4));
  info.protocol = packet[9];
  info.transport_offset = static_cast<std::uint16_t>(header);
  info.fragment = (load_be16(&packet[6]) & 0x3fff) != 0;  // more fragments, or an offset
  return info;
}

bool is_extension(std::uint8_t next) noexcept {
  return next == kHopByHop || next == kRouting || next == kFragment || next == kAuthentication ||
         next == kDestination || next == kMobility || next == kHip || next == kShim6;
}

// The size of the extension header at `at`; the caller made sure that 8 bytes are there.
std::size_t extension_size(std::uint8_t type, const std::uint8_t* at) noexcept {
  if (type == kFragment) return 8;
  if (type == kAuthentication) return (std::size_t{at[1]} + 2) * 4;  // RFC 4302: in 4-byte words
  return (std::size_t{at[1]} + 1) * 8;
}

// Every step goes on by at least 8 bytes, so the walk ends with the packet.
bool walk_extensions(Bytes packet, IpInfo& info) noexcept {
  std::size_t at = kV6Header;
  std::uint8_t next = packet[6];
  while (is_extension(next)) {
    if (packet.size() - at < 8) return false;
    const std::uint8_t* header = &packet[at];
    const std::size_t size = extension_size(next, header);
    if (size < 8 || size > packet.size() - at) return false;
    info.v6_extensions = true;
    const bool later_fragment = next == kFragment && (load_be16(header + 2) & 0xfff8) != 0;
    if (next == kFragment) info.fragment = true;
    next = header[0];
    at += size;
    if (later_fragment) break;  // what follows is payload, whatever its first bytes look like
  }
  info.protocol = next;
  info.transport_offset = static_cast<std::uint16_t>(at);
  return true;
}

std::optional<IpInfo> parse_v6(Bytes packet) noexcept {
  if (packet.size() < kV6Header) return std::nullopt;
  if (load_be16(&packet[4]) + kV6Header != packet.size()) return std::nullopt;  // no jumbograms
  IpInfo info;
  info.source = Address::v6(packet.subspan(8, 16));
  info.destination = Address::v6(packet.subspan(24, 16));
  if (!walk_extensions(packet, info)) return std::nullopt;
  return info;
}

}  // namespace

std::optional<IpInfo> parse_ip(Bytes packet) noexcept {
  if (packet.empty() || packet.size() > kMaxIpPacket) return std::nullopt;
  switch (packet[0] >> 4) {
    case 4:
      return parse_v4(packet);
    case 6:
      return parse_v6(packet);
    default:
      return std::nullopt;
  }
}

std::uint16_t checksum_add(Bytes data, std::uint32_t start) noexcept {
  std::uint64_t sum = start;
  std::size_t i = 0;
  for (; i + 4 <= data.size(); i += 4) sum += load_be32(&data[i]);
  if (i + 2 <= data.size()) {
    sum += load_be16(&data[i]);
    i += 2;
  }
  if (i < data.size()) sum += std::uint64_t{data[i]} << 8;
  while ((sum >> 16) != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

}  // namespace vpnd::wire
