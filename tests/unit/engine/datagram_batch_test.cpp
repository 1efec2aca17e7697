// SPDX-License-Identifier: ISC
// What TunBatch does with UDP.

#include <criterion/criterion.h>

#include <functional>

#include "core/engine/tun_batch.h"
#include "core/wire/pool.h"
#include "tests/support/packets.h"

namespace vpnd::engine {
namespace {

using test::PacketSpec;
using Raw = std::vector<std::uint8_t>;

constexpr std::uint16_t kSize = 200;

// So many datagrams of one size, and what is left, with complete checksums or partial ones.
std::vector<Raw> datagrams(bool v6, std::size_t payload, std::uint16_t size = kSize) {
  const Raw whole = test::partial_packet({.v6 = v6, .udp = true, .payload = payload});
  std::vector<Raw> out;
  Raw scratch(65536);
  cr_assert(wire::segment({wire::Kind::uso, size}, whole, scratch,
                          [&](MutBytes p) { out.emplace_back(p.begin(), p.end()); }));
  return out;
}

Raw partial(Raw p) {
  const std::size_t ip = p[0] >> 4 == 6 ? 40 : 20;
  store_be16(&p[ip + 6], test::pseudo(p, ip == 40, ip));
  return p;
}

Raw summed(Raw p) {
  const std::size_t ip = p[0] >> 4 == 6 ? 40 : 20;
  if (ip == 20) {
    store_be16(&p[10], 0);
    store_be16(&p[10], static_cast<std::uint16_t>(~test::plain_sum(Bytes(p).first(ip))));
  }
  store_be16(&p[ip + 6], 0);
  const auto sum = test::plain_sum(Bytes(p).subspan(ip), test::pseudo(p, ip == 40, ip));
  store_be16(&p[ip + 6], static_cast<std::uint16_t>(~sum));
  return p;
}

void add(TunBatch& batch, Raw& packet, bool is_partial = false,
         std::uint16_t kinds = wire::kKindsAll) {
  TunPacket p{{}, packet};
  const wire::Offload offload{is_partial ? wire::Kind::needs_checksum : wire::Kind::plain, 0};
  cr_assert(wire::to_vnet(offload, packet, p.vnet) == Drop::none);
  batch.add_single(p, *wire::parse_ip(packet), kinds);
}

std::size_t gathered(std::vector<Raw> packets, bool are_partial = false) {
  TunBatch batch;
  for (Raw& p : packets) add(batch, p, are_partial);
  return batch.packets().size();
}

Raw whole(const TunBatch& batch, const TunPacket& p) {
  Raw out(p.packet.begin(), p.packet.end());
  for (std::uint32_t at = p.more; at != ~0u; at = batch.piece(at).next) {
    const Bytes more = batch.piece(at).payload;
    out.insert(out.end(), more.begin(), more.end());
  }
  return out;
}

void become_one_that_is_cut_into_them(const std::vector<Raw>& sent, bool are_partial) {
  std::vector<Raw> packets = sent;
  TunBatch batch;
  for (Raw& p : packets) {
    if (are_partial) p = partial(p);
    add(batch, p, are_partial);
  }
  cr_assert_eq(batch.packets().size(), 1u);
  const TunPacket& p = batch.packets().front();
  const Raw super = whole(batch, p);
  wire::VnetHeader expected;
  const wire::Offload uso{wire::Kind::uso, kSize};
  cr_assert(wire::to_vnet(uso, super, expected) == Drop::none);
  cr_assert_arr_eq(&p.vnet, &expected, sizeof expected);
  std::vector<Raw> cut;
  Raw scratch(65536);
  wire::segment(uso, super, scratch, [&](MutBytes s) { cut.emplace_back(s.begin(), s.end()); });
  cr_assert(cut == sent);
  const std::size_t ip = super[0] >> 4 == 6 ? 40 : 20;
  cr_assert_eq(load_be16(&super[ip + 6]), test::pseudo(super, ip == 40, ip));
}

Test(datagram_batch, of_one_size_become_one_that_is_cut_into_them) {
  for (const bool v6 : {false, true}) {
    for (const bool are_partial : {false, true}) {
      become_one_that_is_cut_into_them(datagrams(v6, kSize * 30), are_partial);
      become_one_that_is_cut_into_them(datagrams(v6, kSize * 9 + 1), are_partial);
    }
  }
}

Test(datagram_batch, a_shorter_one_is_the_last_and_a_longer_one_is_none_of_them) {
  const auto some = datagrams(false, kSize * 2 + 50);
  const auto more = datagrams(false, kSize * 2);
  cr_assert_eq(gathered({some[0], some[1], some[2], more[0], more[1]}), 2u);
  const auto longer = datagrams(false, 2 * (kSize + 1), kSize + 1);
  cr_assert_eq(gathered({more[0], longer[0], longer[1]}), 2u);
}

// Bytes of the second datagram, and which bits of them to turn round.
void are_not_gathered(bool v6, const std::vector<std::pair<std::size_t, std::uint8_t>>& changes) {
  const auto packets = datagrams(v6, kSize * 3);
  cr_assert_eq(gathered(packets), 1u);
  for (const auto& [at, mask] : changes) {
    for (const bool are_partial : {false, true}) {
      auto changed = packets;
      changed[1][at] ^= mask;
      for (Raw& p : changed) p = are_partial ? partial(summed(p)) : summed(p);
      cr_assert_gt(gathered(changed, are_partial), 1u, "byte %zu", at);
    }
  }
}

Test(datagram_batch, what_differs_is_not_gathered) {
  are_not_gathered(false, {{1, 0x04},
                           {1, 0x03},
                           {6, 0x40},
                           {8, 0x01},
                           {12, 0x01},
                           {15, 0x01},
                           {16, 0x01},
                           {19, 0x01},
                           {21, 0x01},
                           {23, 0x01}});
  are_not_gathered(true, {{0, 0x01},
                          {1, 0x10},
                          {1, 0x01},
                          {3, 0x01},
                          {7, 0x01},
                          {8, 0x01},
                          {23, 0x01},
                          {24, 0x01},
                          {39, 0x01},
                          {41, 0x01},
                          {43, 0x01}});
}

Test(datagram_batch, one_that_may_be_cut_on_its_way_keeps_its_number) {
  auto packets = datagrams(false, kSize * 4);  // numbers that count up, and wrap
  for (Raw& p : packets) {
    p[6] = 0;
    p = summed(p);
  }
  cr_assert_eq(gathered(packets), 1u);
  store_be16(&packets[1][4], 0x1234);
  packets[1] = summed(packets[1]);
  cr_assert_eq(gathered(packets), 3u);
  // Where none may, the number says nothing.
  packets = datagrams(false, kSize * 4);
  store_be16(&packets[1][4], 0x1234);
  packets[1] = summed(packets[1]);
  cr_assert_eq(gathered(packets), 1u);
}

Test(datagram_batch, without_or_with_a_wrong_checksum_it_stays_by_itself) {
  for (const bool v6 : {false, true}) {
    const std::size_t ip = v6 ? 40 : 20;
    const auto packets = datagrams(v6, kSize * 3);
    for (const int what : {0, 1, 2}) {
      auto broken = packets;
      if (what == 0) store_be16(&broken[1][ip + 6], 0);
      if (what == 1) broken[1].back() ^= 1;
      if (what == 2 && !v6) broken[1][10] ^= 1;
      const std::size_t expected = what == 2 && v6 ? 1u : 3u;
      const Raw as_it_came = broken[1];
      TunBatch batch;
      for (Raw& p : broken) add(batch, p);
      cr_assert_eq(batch.packets().size(), expected);
      if (expected == 3) cr_assert(whole(batch, batch.packets()[1]) == as_it_came);
    }
  }
  // Nothing is added up in a partial one yet, but the IPv4 header is whole.
  auto packets = datagrams(false, kSize * 3);
  for (Raw& p : packets) p = partial(p);
  packets[1][10] ^= 1;
  cr_assert_eq(gathered(packets, true), 3u);
}

Test(datagram_batch, tcp_between_the_same_ports_is_another_flow) {
  const auto packets = datagrams(false, kSize * 3);
  Raw tcp = test::partial_packet({.payload = kSize});
  TunBatch batch;
  auto some = packets;
  add(batch, some[0]);
  add(batch, tcp, true);
  add(batch, some[1]);
  cr_assert_eq(batch.packets().size(), 2u);
  cr_assert_eq(batch.packets()[0].pieces, 1u);
}

Test(datagram_batch, an_empty_one_and_a_super_packet_are_not_overtaken) {
  const auto packets = datagrams(false, kSize * 3);
  Raw empty = summed(test::partial_packet({.udp = true, .payload = 0}));
  cr_assert_eq(gathered({packets[0], empty, packets[1]}), 3u);
  auto some = packets;
  Raw super = test::partial_packet({.udp = true, .payload = kSize * 3});
  TunBatch batch;
  add(batch, some[0]);
  TunPacket out{{}, super};
  cr_assert(wire::to_vnet({wire::Kind::uso, kSize}, super, out.vnet) == Drop::none);
  batch.add_alone(out, *wire::parse_ip(super));
  add(batch, some[1]);
  cr_assert_eq(batch.packets().size(), 3u);
}

Test(datagram_batch, never_more_than_one_write_takes) {
  auto packets = datagrams(false, 9000, 90);
  TunBatch batch;
  for (Raw& p : packets) add(batch, p);
  cr_assert_eq(batch.packets().size(), 2u);
  cr_assert_eq(batch.packets()[0].pieces, TunBatch::kMostPieces);
  auto large = datagrams(false, 1400 * 46, 1400);
  auto more = large;
  batch.clear();
  for (auto* list : {&large, &more}) {
    for (Raw& p : *list) add(batch, p);
  }
  for (const TunPacket& p : batch.packets()) {
    cr_assert_leq(whole(batch, p).size(), wire::kMaxIpPacket);
  }
}

Test(datagram_batch, a_device_without_this_offload_gets_what_came) {
  auto packets = datagrams(false, kSize * 3);
  TunBatch batch;
  for (Raw& p : packets) add(batch, p, false, wire::kKindsNoUso);
  cr_assert_eq(batch.packets().size(), 3u);
}

}  // namespace
}  // namespace vpnd::engine
