// SPDX-License-Identifier: ISC
#include "core/wire/offload.h"

#include <algorithm>

#include "core/wire/ip.h"

namespace vpnd::wire {
namespace {

constexpr std::uint8_t kTcp = 6, kUdp = 17;
constexpr std::uint16_t kTcpChecksum = 16, kUdpChecksum = 6;  // offsets in the header
constexpr std::uint8_t kTcpFin = 0x01, kTcpPush = 0x08, kTcpCwr = 0x80;
// One record must not turn into any number of packets. 128 is UDP_MAX_SEGMENTS of the kernel's
// linux/udp.h; a TCP stack that sends less than 32 bytes a segment is not one of ours.
constexpr std::size_t kMaxUdpSegments = 128, kMaxTcpSegments = 2048;

// Where things are in a packet that a transport offload may apply to.
struct Layout {
  bool v4 = true, tcp = true, plain_v6 = true;
  std::uint16_t transport = 0, header_end = 0, checksum = 0;  // offsets in the packet
  std::size_t payload = 0;
};

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

bool segments_fit(const Layout& l, std::uint16_t size, std::size_t most) noexcept {
  return l.plain_v6 && size != 0 && size <= l.payload && (l.payload + size - 1) / size <= most;
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

std::uint8_t gso_type(Kind kind, bool cwr) noexcept {
  const std::uint8_t ecn = cwr ? kVnetGsoEcn : std::uint8_t{0};
  switch (kind) {
    case Kind::plain:
    case Kind::needs_checksum:
      return 0;
    case Kind::tso4:
      return static_cast<std::uint8_t>(kVnetGsoTcp4 | ecn);
    case Kind::tso6:
      return static_cast<std::uint8_t>(kVnetGsoTcp6 | ecn);
    case Kind::uso:
      return kVnetGsoUdp;
  }
  return 0;
}

std::optional<Kind> kind_of(const VnetHeader& h) noexcept {
  switch (h.gso_type) {
    case 0:
      return Kind::needs_checksum;
    case kVnetGsoTcp4:
    case kVnetGsoTcp4 | kVnetGsoEcn:
      return Kind::tso4;
    case kVnetGsoTcp6:
    case kVnetGsoTcp6 | kVnetGsoEcn:
      return Kind::tso6;
    case kVnetGsoUdp:
      return Kind::uso;
    default:
      return std::nullopt;
  }
}

// The sum of the pseudo-header (RFC 9293 3.1, RFC 8200 8.1) without extension headers.
std::uint32_t pseudo_sum(Bytes packet, const Layout& l, std::size_t transport_size) noexcept {
  const Bytes addresses = l.v4 ? packet.subspan(12, 8) : packet.subspan(8, 32);
  return std::uint32_t{checksum_add(addresses)} + (l.tcp ? kTcp : kUdp) +
         static_cast<std::uint32_t>(transport_size);
}

void store_checksum(std::uint8_t* at, std::uint16_t sum, bool udp) noexcept {
  const auto inverted = static_cast<std::uint16_t>(~sum);
  store_be16(at, udp && inverted == 0 ? std::uint16_t{0xffff} : inverted);  // RFC 768: 0 is "none"
}

void fix_ip(MutBytes segment, const Layout& l, std::size_t index) noexcept {
  const auto size = static_cast<std::uint16_t>(segment.size());
  if (!l.v4) {
    store_be16(&segment[4], static_cast<std::uint16_t>(size - 40));
    return;
  }
  store_be16(&segment[2], size);
  store_be16(&segment[4], static_cast<std::uint16_t>(load_be16(&segment[4]) + index));
  store_be16(&segment[10], 0);
  store_checksum(&segment[10], checksum_add(segment.first(l.transport)), false);
}

void fix_transport(MutBytes segment, const Layout& l, std::size_t offset, bool last) noexcept {
  std::uint8_t* header = &segment[l.transport];
  const MutBytes transport = segment.subspan(l.transport);
  if (l.tcp) {
    store_be32(header + 4, load_be32(header + 4) + static_cast<std::uint32_t>(offset));
    unsigned clear = 0;
    if (offset != 0) clear |= kTcpCwr;
    if (!last) clear |= kTcpFin | kTcpPush;
    header[13] = static_cast<std::uint8_t>(header[13] & ~clear);
  } else {
    store_be16(header + 4, static_cast<std::uint16_t>(transport.size()));
  }
  store_be16(&segment[l.checksum], 0);
  const std::uint16_t sum = checksum_add(transport, pseudo_sum(segment, l, transport.size()));
  store_checksum(&segment[l.checksum], sum, !l.tcp);
}

}  // namespace

std::optional<Offload> from_vnet(const VnetHeader& h, Bytes packet) noexcept {
  if (h.gso_type == 0 && (h.flags & kVnetNeedsChecksum) == 0) return Offload{};
  const auto kind = kind_of(h);
  const auto ip = parse_ip(packet);
  // The kernel gives GSO packets with a partial checksum only; the receiver relies on that.
  if (!kind || !ip || (h.flags & kVnetNeedsChecksum) == 0) return std::nullopt;
  const auto l = layout(*ip, packet);
  if (!l || h.csum_start != l->transport || h.csum_start + h.csum_offset != l->checksum) {
    return std::nullopt;
  }
  Offload o{*kind, *kind == Kind::needs_checksum ? std::uint16_t{0} : h.gso_size};
  if (o.kind != Kind::needs_checksum && h.gso_size >= l->payload) o = {Kind::needs_checksum, 0};
  if (!kind_fits(o, *l)) return std::nullopt;
  return o;
}

Drop to_vnet(const Offload& offload, Bytes packet, VnetHeader& out) noexcept {
  out = {};
  const auto ip = parse_ip(packet);
  if (!ip) return Drop::malformed;
  if (offload.kind == Kind::plain) {
    return offload.segment_size == 0 ? Drop::none : Drop::bad_offload;
  }
  const auto l = layout(*ip, packet);
  if (!l || !kind_fits(offload, *l)) return Drop::bad_offload;
  out.flags = kVnetNeedsChecksum;
  out.gso_type = gso_type(offload.kind, l->tcp && (packet[l->transport + 13u] & kTcpCwr) != 0);
  out.header_length = l->header_end;
  out.gso_size = offload.segment_size;
  out.csum_start = l->transport;
  out.csum_offset = static_cast<std::uint16_t>(l->checksum - l->transport);
  return Drop::none;
}

void complete_checksum(const Offload& offload, MutBytes packet) noexcept {
  if (offload.kind != Kind::needs_checksum) return;
  const auto ip = parse_ip(packet);
  if (!ip) return;
  const auto l = layout(*ip, packet);
  if (!l) return;
  // The field holds the sum of the pseudo-header, so summing over it is enough.
  store_checksum(&packet[l->checksum], checksum_add(packet.subspan(l->transport)), !l->tcp);
}

bool segment(const Offload& offload, Bytes packet, MutBytes scratch,
             const std::function<void(MutBytes)>& emit) {
  const auto ip = parse_ip(packet);
  const auto l = ip ? layout(*ip, packet) : std::nullopt;
  if (!l || offload.segment_size == 0 || !kind_fits(offload, *l)) return false;
  if (scratch.size() < std::size_t{l->header_end} + offload.segment_size) return false;
  const Bytes header = packet.first(l->header_end), payload = packet.subspan(l->header_end);
  std::size_t index = 0;
  for (std::size_t at = 0; at < payload.size(); at += offload.segment_size, ++index) {
    const std::size_t size = std::min<std::size_t>(offload.segment_size, payload.size() - at);
    const MutBytes piece = scratch.first(header.size() + size);
    std::ranges::copy(header, piece.begin());
    std::ranges::copy(payload.subspan(at, size), piece.begin() + l->header_end);
    fix_ip(piece, *l, index);
    fix_transport(piece, *l, at, at + size == payload.size());
    emit(piece);
  }
  return true;
}

}  // namespace vpnd::wire
