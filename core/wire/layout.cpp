// SPDX-License-Identifier: ISC
#include "core/wire/layout.h"

namespace vpnd::wire {
namespace {

constexpr std::uint8_t kTcp = 6, kUdp = 17;
constexpr std::uint16_t kTcpChecksum = 16, kUdpChecksum = 6;  // offsets in the header
constexpr std::uint8_t kTcpCwr = 0x80;
// One record must not turn into any number of packets. 128 is UDP_MAX_SEGMENTS of the kernel's
// linux/udp.h; a TCP stack that sends less than 32 bytes a segment is not one of ours.
constexpr std::size_t kMaxUdpSegments = 128, kMaxTcpSegments = 2048;

bool tcp_layout(Bytes packet, Layout& l) noexcept {
  const std::size_t left = packet.size() - l.transport;
  if (left < 20) return false;
  const std::size_t header = std::size_t{packet[l.transport + 12u]} / 16 * 4;
  if (header < 20 || header > left) return false;
  l.checksum = static_cast<std::uint16_t>(l.transport + kTcpChecksum);
  l.header_end = static_cast<std::uint16_t>(l.transport + header);
  l.payload = left - header;
  return true;
}

bool udp_layout(Bytes packet, Layout& l) noexcept {
  const std::size_t left = packet.size() - l.transport;
  if (left < 8 || load_be16(&packet[l.transport + 4u]) != left) return false;
  l.checksum = static_cast<std::uint16_t>(l.transport + kUdpChecksum);
  l.header_end = static_cast<std::uint16_t>(l.transport + 8);
  l.payload = left - 8;
  return true;
}

bool segments_fit(const Layout& l, std::uint16_t size, std::size_t most) noexcept {
  return l.plain_v6 && size != 0 && size <= l.payload && (l.payload + size - 1) / size <= most;
}

}  // namespace

std::optional<Layout> layout(const IpInfo& ip, Bytes packet) noexcept {
  if (ip.fragment) return std::nullopt;
  Layout l;
  l.v4 = ip.source.is_v4();
  l.tcp = ip.protocol == kTcp;
  l.plain_v6 = !ip.v6_extensions;
  l.transport = ip.transport_offset;
  const bool fits = l.tcp ? tcp_layout(packet, l) : ip.protocol == kUdp && udp_layout(packet, l);
  if (!fits) return std::nullopt;
  return l;
}

bool kind_fits(const Offload& o, const Layout& l) noexcept {
  switch (o.kind) {
    case Kind::plain:
      return o.segment_size == 0;
    case Kind::needs_checksum:
      return o.segment_size == 0;
    case Kind::tso4:
      return l.tcp && l.v4 && segments_fit(l, o.segment_size, kMaxTcpSegments);
    case Kind::tso6:
      return l.tcp && !l.v4 && segments_fit(l, o.segment_size, kMaxTcpSegments);
    case Kind::uso:
      return !l.tcp && segments_fit(l, o.segment_size, kMaxUdpSegments);
  }
  return false;
}

std::uint32_t pseudo_sum(Bytes packet, const Layout& l, std::size_t transport_size) noexcept {
  const Bytes addresses = l.v4 ? packet.subspan(12, 8) : packet.subspan(8, 32);
  return std::uint32_t{checksum_add(addresses)} + (l.tcp ? kTcp : kUdp) +
         static_cast<std::uint32_t>(transport_size);
}

void store_checksum(std::uint8_t* at, std::uint16_t sum, bool udp) noexcept {
  const auto inverted = static_cast<std::uint16_t>(~sum);
  store_be16(at, udp && inverted == 0 ? std::uint16_t{0xffff} : inverted);
}

void set_ip_size(MutBytes packet, std::size_t header, std::size_t size) noexcept {
  if (packet[0] >> 4 != 4) {
    store_be16(&packet[4], static_cast<std::uint16_t>(size - 40));
    return;
  }
  store_be16(&packet[2], static_cast<std::uint16_t>(size));
  sum_ipv4_header(packet, header);
}

void start_super_packet(MutBytes headers, std::uint16_t transport, std::size_t size,
                        std::uint16_t segment, bool tcp, VnetHeader& vnet) noexcept {
  Layout l;
  l.v4 = headers[0] >> 4 == 4;
  l.tcp = tcp;
  set_ip_size(headers, transport, size);
  std::uint8_t* header = &headers[transport];
  if (!tcp) store_be16(header + 4, static_cast<std::uint16_t>(size - transport));
  const std::uint16_t checksum = tcp ? kTcpChecksum : kUdpChecksum;
  store_be16(header + checksum, checksum_add({}, pseudo_sum(headers, l, size - transport)));
  const bool cwr = tcp && (header[13] & kTcpCwr) != 0;
  const std::uint8_t type = !tcp ? kVnetGsoUdp : l.v4 ? kVnetGsoTcp4 : kVnetGsoTcp6;
  vnet.flags = kVnetNeedsChecksum;
  vnet.gso_type = static_cast<std::uint8_t>(type | (cwr ? kVnetGsoEcn : 0));
  vnet.header_length = static_cast<std::uint16_t>(transport + (tcp ? header[12] / 16 * 4 : 8));
  vnet.gso_size = segment;
  vnet.csum_start = transport;
  vnet.csum_offset = checksum;
}

void sum_ipv4_header(MutBytes packet, std::size_t header) noexcept {
  store_be16(&packet[10], 0);
  store_checksum(&packet[10], checksum_add(packet.first(header)), false);
}

}  // namespace vpnd::wire
