// SPDX-License-Identifier: ISC
#include "core/wire/offload.h"

#include <criterion/criterion.h>

#include "tests/support/packets.h"

using namespace vpnd;
using namespace vpnd::wire;
using namespace vpnd::test;

namespace {

using Buffer = std::vector<std::uint8_t>;

constexpr PacketSpec kTcp4{.payload = 3000}, kTcp6{.v6 = true, .payload = 3000},
    kUdp4{.udp = true, .payload = 3000}, kUdp6{.v6 = true, .udp = true, .payload = 3000};

// What the kernel would put before the packet.
VnetHeader kernel_header(const PacketSpec& s, std::uint8_t gso, std::uint16_t size) {
  VnetHeader h;
  h.flags = kVnetNeedsChecksum;
  h.gso_type = gso;
  h.header_length = static_cast<std::uint16_t>(all_headers(s));
  h.gso_size = size;
  h.csum_start = static_cast<std::uint16_t>(ip_header(s));
  h.csum_offset = s.udp ? 6 : 16;
  return h;
}

bool same(const VnetHeader& a, const VnetHeader& b) {
  return a.flags == b.flags && a.gso_type == b.gso_type && a.header_length == b.header_length &&
         a.gso_size == b.gso_size && a.csum_start == b.csum_start && a.csum_offset == b.csum_offset;
}

Drop check(const Offload& o, Bytes packet) {
  VnetHeader h;
  return to_vnet(o, packet, h);
}

struct Row {
  PacketSpec spec;
  std::uint8_t gso;
  std::uint16_t size;
  Kind kind;
};

const Row kRows[] = {
    {kTcp4, kVnetGsoTcp4, 1448, Kind::tso4},
    {kTcp4, 0, 0, Kind::needs_checksum},
    {{.payload = 3000, .ip_options = 8}, kVnetGsoTcp4, 1000, Kind::tso4},
    {{.payload = 3000, .tcp_options = 40}, kVnetGsoTcp4, 3000 - 1, Kind::tso4},
    {{.payload = 65535 - 52}, kVnetGsoTcp4, 1448, Kind::tso4},
    {{.payload = 0}, 0, 0, Kind::needs_checksum},
    {kTcp6, kVnetGsoTcp6, 1428, Kind::tso6},
    {kTcp6, 0, 0, Kind::needs_checksum},
    {kUdp4, kVnetGsoUdp, 1400, Kind::uso},
    {kUdp6, kVnetGsoUdp, 1400, Kind::uso},
    {kUdp4, 0, 0, Kind::needs_checksum},
    {kUdp6, 0, 0, Kind::needs_checksum},
};

}  // namespace

Test(offload, what_the_kernel_says_comes_out_again_at_the_other_end) {
  for (const Row& r : kRows) {
    const Buffer packet = partial_packet(r.spec);
    const VnetHeader h = kernel_header(r.spec, r.gso, r.size);
    const auto o = from_vnet(h, packet);
    cr_assert(o && o->kind == r.kind && o->segment_size == r.size, "row %td", &r - kRows);
    VnetHeader out;
    cr_assert(to_vnet(*o, packet, out) == Drop::none);
    cr_assert(same(out, h), "row %td", &r - kRows);
  }
}

Test(offload, plain_packets_get_an_empty_header) {
  const Buffer packet = partial_packet(kUdp4);
  VnetHeader valid;
  valid.flags = 2;
  cr_assert(from_vnet({}, packet) == Offload{});
  cr_assert(from_vnet(valid, packet) == Offload{});
  VnetHeader out;
  out.flags = out.gso_type = 0xff;
  cr_assert(to_vnet({}, packet, out) == Drop::none);
  cr_assert(same(out, {}));
}

Test(offload, congestion_mark_comes_from_the_tcp_header_only) {
  for (const bool v6 : {false, true}) {
    PacketSpec s{.v6 = v6, .payload = 3000, .tcp_flags = 0x90};
    const std::uint8_t type = v6 ? kVnetGsoTcp6 : kVnetGsoTcp4;
    const Kind kind = v6 ? Kind::tso6 : Kind::tso4;
    VnetHeader out;
    cr_assert(to_vnet({kind, 1000}, partial_packet(s), out) == Drop::none);
    cr_assert_eq(out.gso_type, type | kVnetGsoEcn);
    const VnetHeader h = kernel_header(s, static_cast<std::uint8_t>(type | kVnetGsoEcn), 1000);
    cr_assert(from_vnet(h, partial_packet(s)) == (Offload{kind, 1000}));
    s.tcp_flags = 0x10;
    cr_assert(to_vnet({kind, 1000}, partial_packet(s), out) == Drop::none);
    cr_assert_eq(out.gso_type, type);
  }
}

Test(offload, what_we_do_not_carry_is_dropped_at_our_own_tun) {
  const Buffer packet = partial_packet(kTcp4);
  const VnetHeader good = kernel_header(kTcp4, kVnetGsoTcp4, 1448);
  cr_assert(from_vnet(good, packet).has_value());
  const auto bad = [&](auto change) {
    VnetHeader h = good;
    change(h);
    return !from_vnet(h, packet).has_value();
  };
  cr_assert(bad([](VnetHeader& h) { h.gso_type = 3; }), "UFO");
  cr_assert(bad([](VnetHeader& h) { h.gso_type = kVnetGsoUdp | kVnetGsoEcn; }));
  cr_assert(bad([](VnetHeader& h) { h.gso_type = kVnetGsoTcp6; }));
  cr_assert(bad([](VnetHeader& h) { h.gso_type = kVnetGsoUdp; }));
  cr_assert(bad([](VnetHeader& h) { h.flags = 0; }), "GSO with a whole checksum");
  cr_assert(bad([](VnetHeader& h) { h.csum_start = 21; }));
  cr_assert(bad([](VnetHeader& h) { h.csum_offset = 6; }));
  cr_assert(bad([](VnetHeader& h) { h.gso_size = 0; }));
}

Test(offload, one_segment_is_no_gso) {
  const Buffer packet = partial_packet(kTcp4);
  for (const std::uint16_t size : ByteArray<2>{0, 1}) {
    const VnetHeader h =
        kernel_header(kTcp4, kVnetGsoTcp4, static_cast<std::uint16_t>(3000 + size));
    cr_assert(from_vnet(h, packet) == (Offload{Kind::needs_checksum, 0}));
  }
}

Test(offload, segment_size_must_fit_the_payload) {
  for (const auto& [spec, kind] : {std::pair{kTcp4, Kind::tso4},
                                   {kTcp6, Kind::tso6},
                                   {kUdp4, Kind::uso},
                                   {kUdp6, Kind::uso}}) {
    const Buffer p = partial_packet(spec);
    cr_assert(check({kind, 0}, p) == Drop::bad_offload);
    cr_assert(check({kind, 1500}, p) == Drop::none);
    cr_assert(check({kind, 3000}, p) == Drop::none);
    cr_assert(check({kind, 3001}, p) == Drop::bad_offload);
    cr_assert(check({kind, 65535}, p) == Drop::bad_offload);
  }
}

Test(offload, other_kinds_carry_no_segment_size) {
  const Buffer p = partial_packet(kTcp4);
  cr_assert(check({Kind::plain, 1}, p) == Drop::bad_offload);
  cr_assert(check({Kind::needs_checksum, 1}, p) == Drop::bad_offload);
}

Test(offload, one_record_is_not_any_number_of_packets) {
  const Buffer udp = partial_packet({.udp = true, .payload = 1290});
  cr_assert(check({Kind::uso, 11}, udp) == Drop::none);
  cr_assert(check({Kind::uso, 10}, udp) == Drop::bad_offload, "129 segments");
  const Buffer tcp = partial_packet({.payload = 60'000});
  cr_assert(check({Kind::tso4, 30}, tcp) == Drop::none);
  cr_assert(check({Kind::tso4, 29}, tcp) == Drop::bad_offload);
}

Test(offload, kind_must_match_version_and_protocol) {
  const std::pair<PacketSpec, unsigned> fits[] = {
      {kTcp4, 1 << 2}, {kTcp6, 1 << 3}, {kUdp4, 1 << 4}, {kUdp6, 1 << 4}};
  for (const auto& [spec, kinds] : fits) {
    const Buffer p = partial_packet(spec);
    for (unsigned k = 2; k <= 6; ++k) {
      const Drop want = (kinds >> k & 1) != 0 ? Drop::none : Drop::bad_offload;
      cr_assert(check({static_cast<Kind>(k), 1000}, p) == want, "kind %u", k);
    }
  }
}

Test(offload, other_protocols_have_no_offload) {
  for (const std::uint8_t protocol : ByteArray<4>{1, 47, 58, 132}) {
    Buffer p = partial_packet(kTcp4);
    p[9] = protocol;
    cr_assert(check({}, p) == Drop::none);
    cr_assert(check({Kind::needs_checksum, 0}, p) == Drop::bad_offload);
    cr_assert(check({Kind::tso4, 1000}, p) == Drop::bad_offload);
  }
}

Test(offload, lengths_that_disagree_are_malformed) {
  for (const PacketSpec& s : {kTcp4, kTcp6, kUdp4}) {
    Buffer p = partial_packet(s);
    const std::size_t field = s.v6 ? 4 : 2;
    for (const int change : {-1, 1, 256}) {
      Buffer bad = p;
      store_be16(&bad[field], static_cast<std::uint16_t>(load_be16(&p[field]) + change));
      cr_assert(check({}, bad) == Drop::malformed);
      cr_assert(check({Kind::needs_checksum, 0}, bad) == Drop::malformed);
    }
    p.push_back(0);
    cr_assert(check({}, p) == Drop::malformed);
  }
  cr_assert(check({}, {}) == Drop::malformed);
}

Test(offload, tcp_data_offset_is_checked) {
  for (const PacketSpec& s : {PacketSpec{.payload = 20}, PacketSpec{.v6 = true, .payload = 20}}) {
    Buffer p = partial_packet(s);
    for (unsigned offset = 0; offset < 16; ++offset) {
      p[ip_header(s) + 12] = static_cast<std::uint8_t>(offset << 4);
      const bool good = offset >= 5 && offset * 4 <= 52;  // 20 + 12 + 20 bytes are there
      const Drop want = good ? Drop::none : Drop::bad_offload;
      cr_assert(check({Kind::needs_checksum, 0}, p) == want, "offset %u", offset);
    }
  }
}

Test(offload, udp_length_is_checked) {
  for (const PacketSpec& s : {kUdp4, kUdp6}) {
    for (const int change : {-3008, -1, 1}) {
      Buffer p = partial_packet(s);
      store_be16(&p[ip_header(s) + 4], static_cast<std::uint16_t>(3008 + change));
      cr_assert(check({Kind::uso, 1000}, p) == Drop::bad_offload);
      cr_assert(check({Kind::needs_checksum, 0}, p) == Drop::bad_offload);
    }
  }
}

Test(offload, transport_header_beyond_the_end) {
  for (const std::size_t have : {0u, 7u, 19u}) {
    Buffer p = partial_packet({.payload = 0});
    p.resize(20 + have);
    store_be16(&p[2], static_cast<std::uint16_t>(p.size()));
    cr_assert(check({Kind::needs_checksum, 0}, p) == Drop::bad_offload, "%zu bytes", have);
    p[9] = 17;
    if (have < 8) cr_assert(check({Kind::needs_checksum, 0}, p) == Drop::bad_offload);
  }
}

Test(offload, fragments_have_no_offload) {
  for (const unsigned field : {0x2000u, 0x0001u, 0x2005u}) {
    Buffer p = partial_packet(kTcp4);
    store_be16(&p[6], static_cast<std::uint16_t>(field));
    cr_assert(check({}, p) == Drop::none);
    cr_assert(check({Kind::tso4, 1000}, p) == Drop::bad_offload);
    cr_assert(check({Kind::needs_checksum, 0}, p) == Drop::bad_offload);
  }
}

namespace {

Buffer with_extension(const PacketSpec& s, std::uint8_t type) {
  Buffer p = partial_packet(s);
  Buffer header(8);
  header[0] = p[6];
  p[6] = type;
  p.insert(p.begin() + 40, header.begin(), header.end());
  store_be16(&p[4], static_cast<std::uint16_t>(load_be16(&p[4]) + 8));
  return p;
}

}  // namespace

Test(offload, extension_headers_before_the_transport_exclude_gso) {
  for (const std::uint8_t type : ByteArray<3>{0, 43, 60}) {
    const Buffer tcp = with_extension(kTcp6, type), udp = with_extension(kUdp6, type);
    cr_assert(check({Kind::tso6, 1000}, tcp) == Drop::bad_offload);
    cr_assert(check({Kind::uso, 1000}, udp) == Drop::bad_offload);
    VnetHeader out;
    cr_assert(to_vnet({Kind::needs_checksum, 0}, tcp, out) == Drop::none);
    cr_assert_eq(out.csum_start, 48);
  }
  cr_assert(check({Kind::needs_checksum, 0}, with_extension(kTcp6, 44)) == Drop::bad_offload);
}

Test(offload, whatever_is_accepted_lies_within_the_packet) {
  std::uint32_t x = 99;
  std::size_t accepted = 0;
  for (int round = 0; round < 200'000; ++round) {
    const PacketSpec s{.v6 = round % 2 == 0, .udp = round % 3 == 0, .payload = 64};
    Buffer p = partial_packet(s);
    for (int n = 0; n < 2; ++n) {
      x = x * 1664525u + 1013904223u;
      p[(x >> 8) % all_headers(s)] = static_cast<std::uint8_t>(x >> 24);
    }
    const Offload o{static_cast<Kind>(x % 5), static_cast<std::uint16_t>((x >> 12) % 70)};
    VnetHeader h;
    if (to_vnet(o, p, h) != Drop::none || o.kind == Kind::plain) continue;
    ++accepted;
    cr_assert_leq(h.header_length, p.size());
    cr_assert_leq(h.csum_start + h.csum_offset + 2u, h.header_length);
    cr_assert(o.kind == Kind::needs_checksum ||
              (h.gso_size > 0 && h.gso_size <= p.size() - h.header_length));
  }
  cr_assert_gt(accepted, 1000u);
}
