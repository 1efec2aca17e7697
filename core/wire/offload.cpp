// SPDX-License-Identifier: ISC
#include "core/wire/offload.h"

#include <algorithm>

#include "core/wire/ip.h"
#include "core/wire/layout.h"

namespace vpnd::wire {
namespace {

constexpr std::uint8_t kTcpFin = 0x01, kTcpPush = 0x08, kTcpCwr = 0x80;

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

void fix_ip(MutBytes segment, const Layout& l, std::size_t index) noexcept {
  if (l.v4) {
    store_be16(&segment[4], static_cast<std::uint16_t>(load_be16(&segment[4]) + index));
  }
  set_ip_size(segment, l.transport, segment.size());
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
