// SPDX-License-Identifier: ISC
// What a device does not take never gets to it, whatever a peer sends.
#include "core/engine/delivery.h"

#include <criterion/criterion.h>

#include "tests/support/packets.h"

namespace vpnd::engine {
namespace {

using test::PacketSpec;
using wire::Kind;

struct Sent {
  Kind kind;
  std::uint16_t segment_size;
  PacketSpec packet;
};

// One that is right of each kind.
const Sent kAll[] = {{Kind::plain, 0, {}},
                     {Kind::needs_checksum, 0, {}},
                     {Kind::tso4, 1000, {.payload = 9000}},
                     {Kind::tso6, 1000, {.v6 = true, .payload = 9000}},
                     {Kind::uso, 1000, {.udp = true, .payload = 9000}}};

Drop deliver(const Sent& sent, std::vector<std::uint8_t>& bytes, std::uint16_t kinds,
             TunBatch& batch) {
  Counters counters;
  bytes = test::partial_packet(sent.packet);
  const wire::ContainerReader::Entry entry{{sent.kind, sent.segment_size}, bytes};
  return deliver_packet(entry, {batch, counters, kinds, {}},
                        [](const wire::IpInfo&) { return Drop::none; });
}

}  // namespace

Test(delivery, only_kinds_that_were_announced_reach_the_device) {
  for (const std::uint16_t kinds : {wire::kKindPlain, wire::kKindsNoUso, wire::kKindsAll}) {
    for (const Sent& sent : kAll) {
      TunBatch batch;
      std::vector<std::uint8_t> bytes;
      const bool announced = (kinds & wire::kind_bit(sent.kind)) != 0;
      const Drop want = announced ? Drop::none : Drop::bad_offload;
      const auto kind = static_cast<unsigned>(sent.kind);
      cr_assert(deliver(sent, bytes, kinds, batch) == want, "kind %u of %x", kind, kinds);
      cr_assert_eq(batch.packets().size(), announced ? 1u : 0u);
    }
  }
}

// Nor is anything gathered for it.
Test(delivery, a_device_without_offloads_gets_each_packet_by_itself) {
  const Sent plain{Kind::plain, 0, {.payload = 1000}};
  TunBatch batch;
  std::vector<std::uint8_t> bytes[8];
  for (std::uint32_t i = 0; i < 8; ++i) {
    bytes[i] = test::partial_packet(plain.packet);
    store_be32(&bytes[i][24], 1000 + i * 1000);  // one segment after the other
    Counters counters;
    const wire::ContainerReader::Entry entry{{}, bytes[i]};
    cr_assert(deliver_packet(entry, {batch, counters, wire::kKindPlain, {}},
                             [](const wire::IpInfo&) { return Drop::none; }) == Drop::none);
  }
  cr_assert_eq(batch.packets().size(), 8u);
  for (const TunPacket& p : batch.packets()) {
    cr_assert(p.pieces == 0 && p.vnet.flags == 0 && p.vnet.gso_type == 0);
    cr_assert_eq(p.packet.size(), bytes[0].size());
  }
}

}  // namespace vpnd::engine
