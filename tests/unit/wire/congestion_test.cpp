// SPDX-License-Identifier: ISC
#include "core/wire/congestion.h"

#include <criterion/criterion.h>

#include <algorithm>

#include "core/wire/ip.h"
#include "tests/support/packets.h"

using namespace vpnd;
using namespace vpnd::wire;
using namespace vpnd::test;

namespace {

using Raw = std::vector<std::uint8_t>;

struct Row {
  PacketSpec spec;
  Offload offload;
};
constexpr std::uint8_t kAckPushFin = 0x19;
const Row kRows[] = {
    {{.payload = 5000, .tcp_flags = kAckPushFin}, {Kind::tso4, 1448}},
    {{.payload = 4344, .ip_options = 8}, {Kind::tso4, 1448}},  // exactly three
    {{.payload = 1449}, {Kind::tso4, 1448}},
    {{.v6 = true, .payload = 5000, .tcp_flags = kAckPushFin}, {Kind::tso6, 1428}},
    {{.udp = true, .payload = 5000}, {Kind::uso, 1400}},
    {{.v6 = true, .udp = true, .payload = 5000}, {Kind::uso, 1400}},
};

std::vector<Raw> segments(const Offload& o, Bytes packet) {
  std::vector<Raw> out;
  Raw scratch(65536), copy(packet.begin(), packet.end());
  if (o.kind == Kind::needs_checksum) {
    complete_checksum(o, copy);
    return {copy};
  }
  cr_assert(segment(o, packet, scratch, [&](MutBytes s) { out.emplace_back(s.begin(), s.end()); }));
  return out;
}

// FIN and PSH went with the segment that carried them; what they cover came again anyway.
Raw without_end(Raw segment, const PacketSpec& spec) {
  if (spec.udp) return segment;
  const std::size_t at = ip_header(spec) + 13;
  segment[at] = static_cast<std::uint8_t>(segment[at] & ~0x09);
  return segment;
}

Test(congestion, all_segments_but_the_last_are_left_as_they_were) {
  for (const Row& row : kRows) {
    Raw packet = partial_packet(row.spec);
    Offload offload = row.offload;
    const auto before = segments(offload, packet);
    packet.resize(cut_last_segment(offload, packet));
    VnetHeader vnet;
    cr_assert(to_vnet(offload, packet, vnet) == Drop::none);
    const auto after = segments(offload, packet);
    cr_assert_eq(after.size(), before.size() - 1);
    for (std::size_t i = 0; i < after.size(); ++i) {
      cr_assert(checksums_good(after[i]));
      cr_assert(after[i] == without_end(before[i], row.spec) || i + 1 == after.size());
      const std::size_t headers = all_headers(row.spec);
      cr_assert(
          std::ranges::equal(Bytes(after[i]).subspan(headers), Bytes(before[i]).subspan(headers)));
    }
    if (!row.spec.udp) cr_assert_eq(after.back()[ip_header(row.spec) + 13] & 0x09, 0);
  }
}

Test(congestion, a_packet_is_cut_down_to_one_segment_and_no_further) {
  for (const Row& row : kRows) {
    Raw packet = partial_packet(row.spec);
    Offload offload = row.offload;
    std::size_t cuts = 0;
    for (std::size_t size; (size = cut_last_segment(offload, packet)) != 0; ++cuts) {
      packet.resize(size);
    }
    cr_assert_eq(cuts, (row.spec.payload - 1) / row.offload.segment_size);
    cr_assert(offload == (Offload{Kind::needs_checksum, 0}));
    cr_assert_eq(packet.size(), all_headers(row.spec) + row.offload.segment_size);
    complete_checksum(offload, packet);
    cr_assert(checksums_good(packet));
  }
}

Test(congestion, what_has_no_segments_is_not_cut) {
  Raw packet = partial_packet({});
  const Raw before = packet;
  Offload plain{}, sum{Kind::needs_checksum, 0};
  cr_assert_eq(cut_last_segment(plain, packet), 0u);
  cr_assert_eq(cut_last_segment(sum, packet), 0u);
  Raw nonsense(3, 0x45);
  Offload tso{Kind::tso4, 1000};
  cr_assert_eq(cut_last_segment(tso, nonsense), 0u);
  cr_assert(packet == before);
  Raw one = partial_packet({.payload = 1000});  // a single one, whatever it is called
  cr_assert_eq(cut_last_segment(tso, one), 0u);
}

Test(congestion, only_packets_of_senders_that_understand_are_marked) {
  for (const bool v6 : {false, true}) {
    for (std::uint8_t ecn = 0; ecn < 4; ++ecn) {
      const PacketSpec spec{.v6 = v6, .ip_options = v6 ? 0u : 8u};
      Raw packet = partial_packet(spec);
      const std::size_t header = ip_header(spec);
      packet[1] = static_cast<std::uint8_t>(v6 ? 0xc5 | (ecn << 4) : 0xb8 | ecn);
      if (!v6) {
        store_be16(&packet[10], 0);
        store_be16(&packet[10],
                   static_cast<std::uint16_t>(~plain_sum(Bytes(packet).first(header))));
      }
      const Raw before = packet;
      cr_assert_eq(mark_congestion(packet), ecn != 0);
      if (ecn == 0) {
        cr_assert(packet == before);
        continue;
      }
      cr_assert_eq(packet[1], before[1] | (v6 ? 0x30 : 0x03));
      if (!v6) cr_assert_eq(plain_sum(Bytes(packet).first(header)), 0xffff);
      cr_assert(std::ranges::equal(Bytes(packet).subspan(12), Bytes(before).subspan(12)));
    }
  }
}

}  // namespace
