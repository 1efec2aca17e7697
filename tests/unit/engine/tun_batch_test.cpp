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
  batch.add_single({{}, packet}, *ip, kinds);
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

// The same with checksums that fit.
Raw summed(Raw p, const PacketSpec& spec) {
  const std::size_t ip = test::ip_header(spec);
  if (!spec.v6) {
    store_be16(&p[10], 0);
    store_be16(&p[10], static_cast<std::uint16_t>(~test::plain_sum(Bytes(p).first(ip))));
  }
  store_be16(&p[ip + 16], 0);
  const auto sum = test::plain_sum(Bytes(p).subspan(ip), test::pseudo(p, spec.v6, ip));
  store_be16(&p[ip + 16], static_cast<std::uint16_t>(~sum));
  return p;
}

// The n-th segment with a change, and so far along in the stream.
Raw changed(const Cut& cut, std::size_t n, std::size_t at, std::uint8_t mask) {
  Raw p = cut.segments.at(n);
  p[at] ^= mask;
  return summed(std::move(p), cut.spec);
}
Raw later(const Cut& cut, std::size_t n, std::size_t by) {
  Raw p = cut.segments.at(n);
  std::uint8_t* sequence = &p[test::ip_header(cut.spec) + 4];
  store_be32(sequence, load_be32(sequence) + static_cast<std::uint32_t>(by));
  return summed(std::move(p), cut.spec);
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

Test(tun_batch, the_eight_that_began_last_go_on) {
  const Cut cut({.payload = 4000});
  std::vector<Raw> packets;
  const auto put = [&](std::size_t n, std::uint8_t flow) {
    packets.push_back(changed(cut, n, test::ip_header(cut.spec), flow));
  };
  for (std::uint8_t flow = 0; flow < 10; ++flow) put(0, flow);
  for (std::uint8_t flow = 2; flow < 10; ++flow) put(1, flow);
  cr_assert_eq(gathered(packets), 10u);
  put(1, 0);
  cr_assert_eq(gathered(packets), 11u);
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

// Bytes of the second segment, and which bits of them to turn round.
using Changes = std::vector<std::pair<std::size_t, std::uint8_t>>;
void are_not_gathered(const Cut& cut, const Changes& changes) {
  cr_assert_eq(gathered(cut.segments), 1u);
  for (const auto& [at, mask] : changes) {
    auto packets = cut.segments;
    packets[1] = changed(cut, 1, at, mask);
    cr_assert_gt(gathered(packets), 1u, "byte %zu", at);
  }
}

Test(tun_batch, what_differs_is_not_gathered) {
  constexpr std::size_t tcp = 20;
  are_not_gathered(Cut({.payload = 1448 * 3}),
                   {
                       {1, 0x04},                           // type of service
                       {1, 0x03},                           // a congestion mark
                       {6, 0x40},                           // don't fragment
                       {8, 0x01},                           // time to live
                       {12, 0x01},       {15, 0x01},        // source
                       {16, 0x01},       {19, 0x01},        // destination
                       {tcp + 1, 0x01},  {tcp + 3, 0x01},   // ports
                       {tcp + 4, 0x01},                     // sequence
                       {tcp + 8, 0x01},  {tcp + 11, 0x01},  // acknowledgement
                       {tcp + 13, 0x80},                    // CWR in the middle
                       {tcp + 13, 0x40},                    // ECE
                       {tcp + 13, 0x02},                    // SYN
                       {tcp + 13, 0x04},                    // RST
                       {tcp + 13, 0x20},                    // URG
                       {tcp + 13, 0x10},                    // no ACK
                       {tcp + 14, 0x01}, {tcp + 15, 0x01},  // window
                       {tcp + 20, 0x01}, {tcp + 31, 0x01},  // options
                   });
}

Test(tun_batch, what_differs_in_ipv6_is_not_gathered_either) {
  // Traffic class (the last of them a congestion mark), flow label, hop limit.
  const Changes ip{{0, 0x01}, {1, 0x40}, {1, 0x10}, {1, 0x01}, {3, 0x01}, {7, 0x01}};
  // Source, destination, ports, sequence.
  const Changes flow{{8, 0x01},  {23, 0x01}, {24, 0x01}, {39, 0x01},
                     {41, 0x01}, {43, 0x01}, {44, 0x01}};
  const Cut cut({.v6 = true, .payload = 1428 * 3}, 1428);
  are_not_gathered(cut, ip);
  are_not_gathered(cut, flow);
}

Test(tun_batch, headers_that_are_for_each_packet_keep_it_by_itself) {
  const Cut options({.payload = 1448 * 3, .ip_options = 8});
  cr_assert_eq(gathered(options.segments), 3u);
  Cut extended({.v6 = true, .payload = 1400 * 3}, 1400);
  for (Raw& p : extended.segments) {
    p[6] = 60;  // destination options: padding
    const std::uint8_t header[] = {6, 0, 1, 4, 0, 0, 0, 0};
    p.insert(p.begin() + 40, std::begin(header), std::end(header));
    store_be16(&p[4], static_cast<std::uint16_t>(p.size() - 40));
  }
  cr_assert_eq(gathered(extended.segments), 3u);
}

Test(tun_batch, order_within_a_flow_is_kept) {
  const Cut cut({.payload = 1448 * 4});
  // A gap, a repetition, the end before the middle.
  cr_assert_eq(gathered({cut.segments[0], cut.segments[2], cut.segments[3]}), 2u);
  cr_assert_eq(gathered({cut.segments[0], cut.segments[0]}), 2u);
  cr_assert_eq(gathered({cut.segments[1], cut.segments[1]}), 2u);
  cr_assert_eq(gathered({cut.segments[1], cut.segments[0]}), 2u);
  // An acknowledgement without payload between two of them: three of the kind mean a loss.
  Raw ack = partial_packet({.payload = 0});
  store_be32(&ack[24], load_be32(&cut.segments[1][24]));
  ack = summed(std::move(ack), cut.spec);
  cr_assert_eq(gathered({cut.segments[0], ack, cut.segments[1]}), 3u);
  // A repetition of another traffic class, which IPv6 has in its first byte.
  const Cut six({.v6 = true, .payload = 1428 * 2}, 1428);
  cr_assert_eq(gathered({six.segments[0], changed(six, 0, 0, 0x01), six.segments[1]}), 3u);
}

Test(tun_batch, a_short_segment_and_a_push_are_the_last) {
  const Cut cut({.payload = 1448 * 2 + 100}), more({.payload = 1448 * 4});
  cr_assert_eq(gathered(cut.segments), 1u);
  for (const std::uint8_t flag : {std::uint8_t{0x08}, std::uint8_t{0x01}}) {
    for (const std::size_t n : {0u, 1u}) {
      auto packets = more.segments;
      packets[n] = changed(more, n, test::ip_header(more.spec) + 13, flag);
      cr_assert_eq(gathered(packets), 2u);
    }
  }
  auto packets = cut.segments;
  for (std::size_t n = 0; n < 2; ++n) packets.push_back(later(more, n, cut.spec.payload));
  cr_assert_eq(gathered(packets), 2u, "the short one in the middle would be cut elsewhere");
  // A longer one than the first is none of the same.
  const Cut longer({.payload = 2000 * 2}, 2000);
  cr_assert_eq(gathered({more.segments[0], later(longer, 0, 1448)}), 2u);
}

Test(tun_batch, a_packet_never_gets_longer_than_ip_allows) {
  Cut cut({.payload = 65'535 - 52});
  std::vector<Raw> packets = cut.segments;
  for (std::size_t i = 0; i < cut.segments.size() && i < 40; ++i) {
    // The same bytes as a second stretch of the stream.
    packets.push_back(later(cut, i, cut.spec.payload));
  }
  TunBatch batch;
  for (Raw& p : packets) add(batch, p);
  cr_assert_eq(whole(batch, batch.packets().front()).size(), wire::kMaxIpPacket);
  for (const TunPacket& p : batch.packets()) {
    const Raw w = whole(batch, p);
    cr_assert_leq(w.size(), wire::kMaxIpPacket);
    cr_assert_eq(load_be16(&w[2]), w.size());
  }
}

Test(tun_batch, whole_segments_do_not_get_past_that_either) {
  const Cut cut({.payload = 1448 * 44});
  std::vector<Raw> packets = cut.segments;
  for (std::size_t i = 0; i < 3; ++i) packets.push_back(later(cut, i, cut.spec.payload));
  TunBatch batch;
  for (Raw& p : packets) add(batch, p);
  cr_assert_eq(batch.packets().size(), 2u);
  cr_assert_eq(batch.packets().front().pieces, 44u);
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
  Raw other = partial_packet({.udp = true});
  other[9] = 132;
  Raw fragment = Cut({.payload = 3000}).segments[0];
  store_be16(&fragment[6], 0x2000);
  Raw stub = partial_packet({.payload = 0});
  stub.resize(30);
  store_be16(&stub[2], 30);
  cr_assert_eq(gathered({other, other, fragment, fragment, stub, stub}), 6u);
}

Test(tun_batch, less_than_any_header_is_not_looked_at) {
  const Cut cut({.payload = 1448 * 2});
  Raw stub(cut.segments[1].begin(), cut.segments[1].begin() + 24);  // its ports and no more
  store_be16(&stub[2], 24);
  cr_assert_eq(gathered({cut.segments[0], stub, cut.segments[1]}), 2u);
}

Test(tun_batch, a_super_packet_of_the_flow_is_not_overtaken) {
  const Cut cut({.payload = 1448 * 2});
  Raw first = cut.segments[0], second = cut.segments[1], super = cut.whole;
  TunBatch batch;
  add(batch, first);
  TunPacket out{{}, super};
  cr_assert(wire::to_vnet(cut.offload, super, out.vnet) == Drop::none);
  batch.add_alone(out, *wire::parse_ip(super));
  add(batch, second);
  cr_assert_eq(batch.packets().size(), 3u);
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
