// SPDX-License-Identifier: ISC
#include "core/engine/tun_batch.h"

#include <criterion/criterion.h>

#include "core/wire/pool.h"
#include "tests/support/packets.h"

namespace vpnd::engine {
namespace {

using test::PacketSpec;
using test::partial_packet;
using Raw = std::vector<std::uint8_t>;

// A super-packet and what its sender's kernel would have cut it into.
struct Cut {
  PacketSpec spec;
  wire::Offload offload;
  Raw whole;
  std::vector<Raw> segments;

  explicit Cut(const PacketSpec& s, std::uint16_t size = 1448)
      : spec(s),
        offload{s.v6 ? wire::Kind::tso6 : wire::Kind::tso4, size},
        whole(partial_packet(s)) {
    Raw scratch(65536);
    const auto keep = [&](MutBytes p) { segments.emplace_back(p.begin(), p.end()); };
    cr_assert(wire::segment(offload, whole, scratch, keep));
  }
};

void add(TunBatch& batch, Raw& packet, std::uint16_t kinds = wire::kKindsAll) {
  const auto ip = wire::parse_ip(packet);
  cr_assert(ip.has_value());
  batch.add_plain(packet, *ip, kinds);
}

Raw whole(const TunBatch& batch, const TunPacket& p) {
  Raw out(p.packet.begin(), p.packet.end());
  std::uint32_t pieces = 0;
  for (std::uint32_t at = p.more; at != ~0u; at = batch.piece(at).next, ++pieces) {
    const Bytes more = batch.piece(at).payload;
    out.insert(out.end(), more.begin(), more.end());
  }
  cr_assert_eq(pieces, p.pieces);
  return out;
}

// How many packets come of these.
std::size_t gathered(std::vector<Raw> packets) {
  TunBatch batch;
  for (Raw& p : packets) add(batch, p);
  return batch.packets().size();
}

// The n-th segment with a change, and checksums that fit.
Raw changed(const Cut& cut, std::size_t n, std::size_t at, std::uint8_t mask) {
  Raw p = cut.segments.at(n);
  p[at] ^= mask;
  const std::size_t ip = test::ip_header(cut.spec);
  if (!cut.spec.v6) {
    store_be16(&p[10], 0);
    store_be16(&p[10], static_cast<std::uint16_t>(~test::plain_sum(Bytes(p).first(ip))));
  }
  store_be16(&p[ip + 16], 0);
  const auto sum = test::plain_sum(Bytes(p).subspan(ip), test::pseudo(p, cut.spec.v6, ip));
  store_be16(&p[ip + 16], static_cast<std::uint16_t>(~sum));
  return p;
}

Test(tun_batch, segments_become_the_packet_that_they_were) {
  const PacketSpec specs[] = {{.payload = 20'000},
                              {.payload = 20'000, .tcp_flags = 0x19},  // PSH and FIN at its end
                              {.payload = 20'000, .tcp_flags = 0x90},  // CWR at its beginning
                              {.payload = 1448 * 5},
                              {.v6 = true, .payload = 60'000},
                              {.v6 = true, .payload = 3000, .tcp_options = 40}};
  for (const PacketSpec& spec : specs) {
    Cut cut(spec);
    TunBatch batch;
    for (Raw& s : cut.segments) add(batch, s);
    cr_assert_eq(batch.packets().size(), 1u);
    const TunPacket& p = batch.packets().front();
    cr_assert(whole(batch, p) == cut.whole);
    wire::VnetHeader expected;
    cr_assert(wire::to_vnet(cut.offload, cut.whole, expected) == Drop::none);
    cr_assert_eq(p.vnet.flags, expected.flags);
    cr_assert_eq(p.vnet.gso_type, expected.gso_type);
    cr_assert_eq(p.vnet.gso_size, expected.gso_size);
    cr_assert_eq(p.vnet.header_length, expected.header_length);
    cr_assert_eq(p.vnet.csum_start, expected.csum_start);
    cr_assert_eq(p.vnet.csum_offset, expected.csum_offset);
  }
}

Test(tun_batch, flows_are_told_apart) {
  Cut one({.payload = 9000});
  Cut two({.payload = 9000});
  for (std::size_t i = 0; i < two.segments.size(); ++i) {
    two.segments[i] = changed(two, i, test::ip_header(two.spec) + 1, 1);  // another port
  }
  TunBatch batch;
  for (std::size_t i = 0; i < one.segments.size(); ++i) {
    add(batch, one.segments[i]);
    add(batch, two.segments[i]);
  }
  cr_assert_eq(batch.packets().size(), 2u);
  cr_assert(whole(batch, batch.packets()[0]) == one.whole);
}

Test(tun_batch, many_flows_are_no_trouble) {
  TunBatch batch;
  std::vector<Raw> packets;
  const Cut cut({.payload = 4000});
  for (std::uint8_t flow = 0; flow < 100; ++flow) {
    packets.push_back(changed(cut, 0, test::ip_header(cut.spec), flow));
  }
  for (Raw& p : packets) add(batch, p);
  cr_assert_eq(batch.packets().size(), 100u);
}

Test(tun_batch, a_segment_with_a_wrong_checksum_stays_by_itself) {
  for (const bool v6 : {false, true}) {
    for (const bool payload : {false, true}) {
      Cut cut({.v6 = v6, .payload = 1448 * 3});
      const std::size_t at = payload ? cut.segments[1].size() - 1 : v6 ? 20u : 10u;
      const Raw broken = [&] {
        Raw p = cut.segments[1];
        p[at] ^= 1;
        return p;
      }();
      cut.segments[1] = broken;
      TunBatch batch;
      for (Raw& s : cut.segments) add(batch, s);
      cr_assert_eq(batch.packets().size(), 3u);
      for (const TunPacket& p : batch.packets()) cr_assert_eq(p.vnet.flags, 0);
      cr_assert(whole(batch, batch.packets()[1]) == broken, "nobody may mend it");
    }
  }
}

Test(tun_batch, what_differs_is_not_gathered) {
  const Cut cut({.payload = 1448 * 3});
  const std::size_t tcp = test::ip_header(cut.spec);
  const std::pair<std::size_t, std::uint8_t> changes[] = {
      {1, 0x04},         // type of service
      {1, 0x03},         // a congestion mark
      {6, 0x40},         // don't fragment
      {8, 0x01},         // time to live
      {tcp + 4, 0x01},   // sequence
      {tcp + 8, 0x01},   // acknowledgement
      {tcp + 13, 0x80},  // CWR in the middle
      {tcp + 13, 0x40},  // ECE
      {tcp + 13, 0x02},  // SYN
      {tcp + 13, 0x04},  // RST
      {tcp + 13, 0x20},  // URG
      {tcp + 14, 0x01},  // window
      {tcp + 22, 0x01},  // options
  };
  cr_assert_eq(gathered(cut.segments), 1u);
  for (const auto& [at, mask] : changes) {
    auto packets = cut.segments;
    packets[1] = changed(cut, 1, at, mask);
    cr_assert_gt(gathered(packets), 1u, "byte %zu", at);
  }
}

Test(tun_batch, order_within_a_flow_is_kept) {
  const Cut cut({.payload = 1448 * 4});
  // A gap, a repetition, the end before the middle.
  cr_assert_eq(gathered({cut.segments[0], cut.segments[2], cut.segments[3]}), 2u);
  cr_assert_eq(gathered({cut.segments[0], cut.segments[0]}), 2u);
  cr_assert_eq(gathered({cut.segments[1], cut.segments[0]}), 2u);
  // An acknowledgement without payload between two of them.
  Raw ack = partial_packet({.payload = 0});
  store_be16(&ack[36], 0);
  store_be16(&ack[36], static_cast<std::uint16_t>(
                           ~test::plain_sum(Bytes(ack).subspan(20), test::pseudo(ack, false, 20))));
  cr_assert_eq(gathered({cut.segments[0], ack, cut.segments[1]}), 3u);
}

Test(tun_batch, a_short_segment_and_a_push_are_the_last) {
  const Cut cut({.payload = 1448 * 2 + 100}), more({.payload = 1448 * 4});
  cr_assert_eq(gathered(cut.segments), 1u);
  auto packets = more.segments;
  packets[1] = changed(more, 1, test::ip_header(more.spec) + 13, 0x08);
  cr_assert_eq(gathered(packets), 2u);
  // A longer one than the first is none of the same.
  const Cut longer({.payload = 2000 * 2}, 2000);
  cr_assert_eq(gathered({more.segments[0], longer.segments[1]}), 2u);
}

Test(tun_batch, a_packet_never_gets_longer_than_ip_allows) {
  Cut cut({.payload = 65'535 - 52});
  std::vector<Raw> packets = cut.segments;
  for (std::size_t i = 0; i < cut.segments.size() && i < 40; ++i) {
    // The same bytes as a second stretch of the stream.
    Raw p = cut.segments[i];
    const auto next = static_cast<std::uint32_t>(load_be32(&p[24]) + cut.spec.payload);
    store_be32(&p[24], next);
    store_be16(&p[36], 0);
    store_be16(&p[36], static_cast<std::uint16_t>(
                           ~test::plain_sum(Bytes(p).subspan(20), test::pseudo(p, false, 20))));
    packets.push_back(std::move(p));
  }
  TunBatch batch;
  for (Raw& p : packets) add(batch, p);
  for (const TunPacket& p : batch.packets()) {
    const Raw w = whole(batch, p);
    cr_assert_leq(w.size(), wire::kMaxIpPacket);
    cr_assert_eq(load_be16(&w[2]), w.size());
  }
}

Test(tun_batch, small_segments_are_gathered_up_to_what_one_write_takes) {
  Cut cut({.payload = 20'000}, 100);
  TunBatch batch;
  for (Raw& s : cut.segments) add(batch, s);
  std::size_t payload = 0;
  for (const TunPacket& p : batch.packets()) {
    cr_assert_leq(p.pieces, TunBatch::kMostPieces);
    payload += whole(batch, p).size() - test::all_headers(cut.spec);
  }
  cr_assert_eq(payload, 20'000u);
  cr_assert_leq(batch.packets().size(), 5u);
}

Test(tun_batch, a_device_without_this_offload_gets_what_came) {
  for (const bool v6 : {false, true}) {
    Cut cut({.v6 = v6, .payload = 9000});
    TunBatch batch;
    const std::uint16_t other = wire::kind_bit(v6 ? wire::Kind::tso4 : wire::Kind::tso6);
    for (Raw& s : cut.segments) add(batch, s, wire::kKindPlain | other);
    cr_assert_eq(batch.packets().size(), cut.segments.size());
  }
}

Test(tun_batch, other_protocols_pass_as_they_are) {
  Raw udp = partial_packet({.udp = true});
  Raw fragment = Cut({.payload = 3000}).segments[0];
  store_be16(&fragment[6], 0x2000);
  Raw stub = partial_packet({.payload = 0});
  stub.resize(30);
  store_be16(&stub[2], 30);
  cr_assert_eq(gathered({udp, udp, fragment, fragment, stub, stub}), 6u);
}

Test(tun_batch, is_full_by_all_that_is_in_it) {
  const Cut cut({.payload = 60'000}, 200);
  std::vector<std::vector<Raw>> rounds(4, cut.segments);
  TunBatch batch;
  std::size_t taken = 0;
  for (auto& round : rounds) {
    for (Raw& s : round) {
      if (batch.full()) break;
      add(batch, s);
      ++taken;
    }
  }
  cr_assert_eq(taken, TunBatch::kCapacity);
  batch.clear();
  cr_assert_not(batch.full());
  Raw next = cut.segments[1];
  add(batch, next);
  cr_assert_eq(batch.packets().size(), 1u, "nothing of before is remembered");
}

}  // namespace
}  // namespace vpnd::engine
