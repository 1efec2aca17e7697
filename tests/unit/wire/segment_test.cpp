// SPDX-License-Identifier: ISC
// For a TUN that takes plain packets only: whole checksums, and GSO packets cut up.

#include <criterion/criterion.h>

#include "core/wire/offload.h"
#include "tests/support/packets.h"

using namespace vpnd;
using namespace vpnd::wire;
using namespace vpnd::test;

namespace {

using Buffer = std::vector<std::uint8_t>;

std::vector<Buffer> cut(const Offload& o, const Buffer& packet, std::size_t scratch = 65535) {
  std::vector<Buffer> out;
  Buffer room(scratch);
  const auto emit = [&](MutBytes s) { out.emplace_back(s.begin(), s.end()); };
  cr_assert(segment(o, packet, room, emit));
  return out;
}

Buffer payload_of(const std::vector<Buffer>& segments, std::size_t headers) {
  Buffer all;
  for (const Buffer& s : segments) {
    all.insert(all.end(), s.begin() + static_cast<std::ptrdiff_t>(headers), s.end());
  }
  return all;
}

struct Row {
  PacketSpec spec;
  Kind kind;
  std::uint16_t size;
};

const Row kRows[] = {
    {{.payload = 3000}, Kind::tso4, 1448},
    {{.payload = 3000, .ip_options = 12}, Kind::tso4, 999},
    {{.payload = 65535 - 52}, Kind::tso4, 1449},
    {{.payload = 3000}, Kind::tso4, 3000},
    {{.v6 = true, .payload = 5001}, Kind::tso6, 1000},
    {{.v6 = true, .payload = 60000, .tcp_options = 40}, Kind::tso6, 1333},
    {{.udp = true, .payload = 4001}, Kind::uso, 500},
    {{.v6 = true, .udp = true, .payload = 4001}, Kind::uso, 501},
};

}  // namespace

Test(segment, pieces_are_whole_packets_with_good_checksums) {
  for (const Row& r : kRows) {
    const Buffer packet = partial_packet(r.spec);
    const auto pieces = cut({r.kind, r.size}, packet);
    cr_assert_eq(pieces.size(), (r.spec.payload + r.size - 1) / r.size);
    for (const Buffer& p : pieces) {
      cr_assert(checksums_good(p), "row %td", &r - kRows);
      const std::size_t length = r.spec.v6 ? load_be16(&p[4]) + 40u : load_be16(&p[2]);
      cr_assert_eq(length, p.size());
      cr_assert_leq(p.size(), all_headers(r.spec) + r.size);
      if (r.spec.udp) {
        cr_assert_eq(load_be16(&p[ip_header(r.spec) + 4]) + ip_header(r.spec), p.size());
      }
    }
    const std::size_t headers = all_headers(r.spec);
    const Buffer whole(packet.begin() + static_cast<std::ptrdiff_t>(headers), packet.end());
    cr_assert(payload_of(pieces, headers) == whole);
  }
}

Test(segment, sequence_numbers_and_ids_count_up_and_wrap) {
  const auto pieces = cut({Kind::tso4, 1000}, partial_packet({.payload = 3500}));
  for (std::uint32_t i = 0; i < pieces.size(); ++i) {
    cr_assert_eq(load_be32(&pieces[i][24]), 0xfffffff0u + i * 1000);
    cr_assert_eq(load_be16(&pieces[i][4]), static_cast<std::uint16_t>(0xfffe + i));
  }
}

Test(segment, flags_stay_where_they_belong) {
  const auto pieces =
      cut({Kind::tso4, 1000}, partial_packet({.payload = 3000, .tcp_flags = 0x80 | 0x19 | 0x40}));
  cr_assert_eq(pieces.size(), 3u);
  cr_assert_eq(pieces[0][33], 0x80 | 0x50, "CWR, ECE and ACK");
  cr_assert_eq(pieces[1][33], 0x50);
  cr_assert_eq(pieces[2][33], 0x59, "FIN and PSH last");
}

Test(segment, one_piece_keeps_all_flags) {
  const auto pieces = cut({Kind::tso4, 3000}, partial_packet({.payload = 3000, .tcp_flags = 0x99}));
  cr_assert_eq(pieces.size(), 1u);
  cr_assert_eq(pieces[0][33], 0x99);
}

Test(segment, scratch_needs_room_for_headers_and_a_segment) {
  const Buffer packet = partial_packet({.payload = 3000});
  Buffer small(52 + 999);
  int emitted = 0;
  const auto count = [&](MutBytes) { ++emitted; };
  cr_assert_not(segment({Kind::tso4, 1000}, packet, small, count));
  cr_assert_eq(emitted, 0);
  (void)cut({Kind::tso4, 1000}, packet, 52 + 1000);
}

Test(segment, other_kinds_are_not_cut) {
  Buffer room(65535);
  const auto never = [](MutBytes) { cr_assert_fail("emitted"); };
  const Buffer packet = partial_packet({.payload = 3000});
  cr_assert_not(segment({}, packet, room, never));
  cr_assert_not(segment({Kind::needs_checksum, 0}, packet, room, never));
  cr_assert_not(segment({Kind::tso6, 1000}, packet, room, never));
  cr_assert_not(segment({Kind::tso4, 0}, packet, room, never));
}

Test(segment, partial_checksums_are_completed) {
  for (const bool v6 : {false, true}) {
    for (const bool udp : {false, true}) {
      for (const std::size_t size : {0u, 1u, 2u, 999u, 1400u}) {
        Buffer p = partial_packet({.v6 = v6, .udp = udp, .payload = size});
        if (size != 0) cr_assert_not(checksums_good(p));
        complete_checksum({Kind::needs_checksum, 0}, p);
        cr_assert(checksums_good(p), "v6 %d udp %d size %zu", v6, udp, size);
      }
    }
  }
}

Test(segment, a_udp_checksum_of_zero_is_sent_as_all_ones) {
  // Two bytes of payload are chosen so that the sum becomes 0xffff.
  Buffer p = partial_packet({.udp = true, .payload = 2});
  store_be16(&p[28], 0);
  const std::uint16_t rest = plain_sum(Bytes(p).subspan(20));
  store_be16(&p[28], static_cast<std::uint16_t>(0xffff - rest));
  complete_checksum({Kind::needs_checksum, 0}, p);
  cr_assert_eq(load_be16(&p[26]), 0xffff);
  cr_assert(checksums_good(p));
}

Test(segment, plain_packets_are_left_alone) {
  const Buffer packet = partial_packet({.payload = 100});
  Buffer p = packet;
  complete_checksum({}, p);
  cr_assert(p == packet);
}
