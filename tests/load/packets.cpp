// SPDX-License-Identifier: ISC
#include "tests/load/packets.h"

#include <algorithm>

#include "core/wire/ip.h"
#include "tests/load/message.h"

namespace vpnd::load {
namespace {

constexpr std::size_t kIp = 20;
constexpr std::uint8_t kIcmp = 1, kUdp = 17, kEchoReply = 0, kEchoRequest = 8;

std::uint16_t inverted(std::uint16_t sum) noexcept {
  return static_cast<std::uint16_t>(~sum);
}

void write_ip(const Flow& f, std::uint8_t protocol, MutBytes packet) noexcept {
  std::uint8_t* p = packet.data();
  std::fill_n(p, kIp, std::uint8_t{0});
  p[0] = 0x45;
  store_be16(p + 2, static_cast<std::uint16_t>(packet.size()));
  p[8] = 64;
  p[9] = protocol;
  std::ranges::copy(f.from.bytes(), p + 12);
  std::ranges::copy(f.to.bytes(), p + 16);
  store_be16(p + 10, inverted(wire::checksum_add(packet.first(kIp))));
}

}  // namespace

std::size_t write_udp(const Flow& f, std::size_t payload, MutBytes room,
                      wire::VnetHeader& vnet) noexcept {
  const MutBytes packet = room.first(kHeaders + payload);
  write_ip(f, kUdp, packet);
  std::uint8_t* udp = packet.data() + kIp;
  const auto length = static_cast<std::uint16_t>(8 + payload);
  store_be16(udp, f.from_port);
  store_be16(udp + 2, f.to_port);
  store_be16(udp + 4, length);
  // The pseudo-header's sum; somebody with better means completes it.
  store_be16(udp + 6, wire::checksum_add(packet.subspan(12, 8), std::uint32_t{kUdp} + length));
  vnet = {};
  vnet.flags = wire::kVnetNeedsChecksum;
  vnet.csum_start = kIp;
  vnet.csum_offset = 6;
  if (payload <= kSegment) return packet.size();
  vnet.gso_type = wire::kVnetGsoUdp;
  vnet.gso_size = kSegment;
  vnet.header_length = kHeaders;
  return packet.size();
}

std::size_t write_ping(const Flow& f, std::uint64_t stamp, MutBytes room) noexcept {
  const MutBytes packet = room.first(kHeaders + 8);
  write_ip(f, kIcmp, packet);
  std::uint8_t* icmp = packet.data() + kIp;
  std::fill_n(icmp, 8, std::uint8_t{0});
  icmp[0] = kEchoRequest;
  store_be16(icmp + 4, f.from_port);
  store_le64(icmp + 8, stamp);
  store_be16(icmp + 2, inverted(wire::checksum_add(packet.subspan(kIp))));
  return packet.size();
}

std::optional<Arrived> read_packet(Bytes packet) noexcept {
  const auto ip = wire::parse_ip(packet);
  if (!ip || ip->fragment || packet.size() < ip->transport_offset + std::size_t{8}) {
    return std::nullopt;
  }
  const Bytes transport = packet.subspan(ip->transport_offset);
  if (ip->protocol == kUdp) return Arrived{transport.subspan(8), std::nullopt};
  if (ip->protocol == kIcmp && transport[0] == kEchoReply && transport.size() >= 16) {
    return Arrived{{}, load_le64(transport.data() + 8)};
  }
  return std::nullopt;
}

}  // namespace vpnd::load
