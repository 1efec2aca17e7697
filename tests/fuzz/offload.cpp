// SPDX-License-Identifier: ISC
// Any packet with any kind: an accepted header lies in the packet, and its pieces add up.
#include "core/wire/offload.h"

#include "core/wire/ip.h"
#include "tests/fuzz/fuzz.h"

using namespace vpnd;
using namespace vpnd::fuzz;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input in{{data, size}};
  const wire::Offload o{static_cast<wire::Kind>(in.byte()), in.word()};
  Buffer packet(in.rest.begin(), in.rest.end()), scratch(packet.size());
  wire::VnetHeader h;
  if (wire::to_vnet(o, packet, h) != Drop::none) return 0;
  must(wire::parse_ip(packet).has_value() && o.kind <= wire::Kind::uso);
  if (o.kind == wire::Kind::plain) return must(h.flags == 0 && h.gso_type == 0), 0;
  must(h.csum_start + h.csum_offset + 2u <= h.header_length && h.header_length <= packet.size());
  must(wire::from_vnet(h, packet).has_value());
  std::size_t payload = 0;
  const bool cut = wire::segment(o, packet, scratch, [&](MutBytes s) {
    must(wire::parse_ip(s).has_value() && s.size() <= std::size_t{h.header_length} + h.gso_size);
    payload += s.size() - h.header_length;
  });
  must(cut == (o.kind > wire::Kind::needs_checksum));
  must(!cut || payload == packet.size() - h.header_length);
  wire::complete_checksum(o, packet);
  return 0;
}
