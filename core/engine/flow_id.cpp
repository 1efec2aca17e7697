// SPDX-License-Identifier: ISC
#include "core/engine/flow_id.h"

#include <algorithm>

namespace vpnd::engine {
namespace {

constexpr std::size_t kPorts = 4;

bool has_ports(std::uint8_t protocol) noexcept {
  switch (protocol) {
    case 6:    // TCP
    case 17:   // UDP
    case 33:   // DCCP
    case 132:  // SCTP
    case 136:  // UDP-Lite
      return true;
    default:
      return false;
  }
}

}  // namespace

std::uint64_t flow_id(Bytes packet, const wire::IpInfo& ip,
                      const crypto::ShortHashKey& key) noexcept {
  ByteArray<16 + 16 + 1 + kPorts> tuple;
  auto at = std::ranges::copy(ip.source.bytes(), tuple.begin()).out;
  at = std::ranges::copy(ip.destination.bytes(), at).out;
  *at++ = ip.protocol;
  const bool whole = !ip.fragment && packet.size() >= ip.transport_offset + kPorts;
  if (whole && has_ports(ip.protocol)) {
    at = std::ranges::copy(packet.subspan(ip.transport_offset, kPorts), at).out;
  }
  return crypto::short_hash(key, {tuple.begin(), at});
}

}  // namespace vpnd::engine
