// SPDX-License-Identifier: ISC
#include "core/wire/congestion.h"

#include "core/wire/layout.h"

namespace vpnd::wire {
namespace {

constexpr std::uint8_t kNotEct = 0, kCe = 3;  // RFC 3168 5
constexpr std::uint8_t kTcpFin = 0x01, kTcpPush = 0x08;

}  // namespace

bool mark_congestion(MutBytes packet) noexcept {
  const bool v4 = packet[0] >> 4 == 4;
  const unsigned shift = v4 ? 0 : 4;  // the low bits of the traffic class, RFC 8200 3
  const auto ecn = static_cast<std::uint8_t>((packet[1] >> shift) & 3);
  if (ecn == kNotEct) return false;
  packet[1] = static_cast<std::uint8_t>(packet[1] | (kCe << shift));
  if (v4) sum_ipv4_header(packet, std::size_t{packet[0] & 0x0fu} * 4);
  return true;
}

std::size_t cut_last_segment(Offload& offload, MutBytes packet) noexcept {
  const auto ip = parse_ip(packet);
  const auto l = ip ? layout(*ip, packet) : std::nullopt;
  const std::size_t segment = offload.segment_size;
  if (!l || segment == 0 || l->payload <= segment) return 0;
  const std::size_t payload = (l->payload - 1) / segment * segment;
  const MutBytes kept = packet.first(l->header_end + payload);
  const std::size_t transport = kept.size() - l->transport;
  set_ip_size(kept, l->transport, kept.size());
  std::uint8_t* header = &kept[l->transport];
  if (l->tcp) {
    header[13] = static_cast<std::uint8_t>(header[13] & ~(kTcpFin | kTcpPush));
  } else {
    store_be16(header + 4, static_cast<std::uint16_t>(transport));
  }
  store_be16(&kept[l->checksum], checksum_add({}, pseudo_sum(kept, *l, transport)));
  if (payload == segment) offload = {Kind::needs_checksum, 0};
  return kept.size();
}

}  // namespace vpnd::wire
