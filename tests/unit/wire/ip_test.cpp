// SPDX-License-Identifier: ISC
#include "core/wire/ip.h"

#include <criterion/criterion.h>

#include <vector>

using namespace vpnd;
using namespace vpnd::wire;

namespace {

using Buffer = std::vector<std::uint8_t>;

Buffer v4(std::size_t total, std::size_t ihl = 5) {
  Buffer p(total);
  p[0] = static_cast<std::uint8_t>(0x40 | ihl);
  store_be16(&p[2], static_cast<std::uint16_t>(total));
  p[9] = 17;
  for (unsigned i = 0; i < 8; ++i) p[12 + i] = static_cast<std::uint8_t>(i + 1);
  return p;
}

Buffer v6(std::uint8_t next, const Buffer& payload) {
  Buffer p(40);
  p[0] = 0x60;
  store_be16(&p[4], static_cast<std::uint16_t>(payload.size()));
  p[6] = next;
  for (unsigned i = 0; i < 32; ++i) p[8 + i] = static_cast<std::uint8_t>(i + 1);
  p.insert(p.end(), payload.begin(), payload.end());
  return p;
}

// An extension header of `words` 8-byte words.
Buffer extension(std::uint8_t next, std::size_t words) {
  Buffer h(words * 8);
  h[0] = next;
  h[1] = static_cast<std::uint8_t>(words - 1);
  return h;
}

Buffer join(Buffer a, const Buffer& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

Test(ip, v4_fields) {
  const auto i = parse_ip(v4(28, 6));
  cr_assert(i.has_value());
  cr_assert(i->source == Address::v4(1, 2, 3, 4) && i->destination == Address::v4(5, 6, 7, 8));
  cr_assert_eq(i->protocol, 17);
  cr_assert_eq(i->transport_offset, 24);
  cr_assert_not(i->fragment);
}

Test(ip, v4_sizes_must_agree) {
  cr_assert(parse_ip(v4(20)).has_value());
  cr_assert(parse_ip(v4(65535)).has_value());
  for (const int change : {-1, 1, 100}) {
    Buffer p = v4(60);
    store_be16(&p[2], static_cast<std::uint16_t>(60 + change));
    cr_assert_not(parse_ip(p).has_value(), "total length off by %d", change);
  }
}

Test(ip, v4_header_length_is_checked) {
  for (std::size_t ihl = 0; ihl < 16; ++ihl) {
    const bool good = ihl >= 5 && ihl * 4 <= 40;
    cr_assert_eq(parse_ip(v4(40, ihl)).has_value(), good, "ihl %zu", ihl);
  }
}

Test(ip, every_truncation_is_refused) {
  const Buffer four = v4(44), six = v6(0, join(extension(60, 2), extension(6, 1)));
  for (const Buffer& whole : {four, six}) {
    cr_assert(parse_ip(whole).has_value());
    for (std::size_t n = 0; n < whole.size(); ++n) {
      cr_assert_not(parse_ip(Bytes(whole).first(n)).has_value(), "cut at %zu", n);
    }
  }
}

Test(ip, other_versions_are_refused) {
  for (unsigned version = 0; version < 16; ++version) {
    Buffer p = v4(60);
    p[0] = static_cast<std::uint8_t>(version << 4 | 5);
    cr_assert_eq(parse_ip(p).has_value(), version == 4, "version %u", version);
  }
}

Test(ip, v4_fragments) {
  struct Case {
    std::uint16_t field;
    bool fragment;
  };
  for (const Case c : {Case{0x0000, false},
                       {0x4000, false},
                       {0x2000, true},
                       {0x0001, true},
                       {0x1fff, true},
                       {0x8000, false}}) {
    Buffer p = v4(40);
    store_be16(&p[6], c.field);
    cr_assert_eq(parse_ip(p)->fragment, c.fragment, "field %04x", c.field);
  }
}

Test(ip, v6_fields) {
  const auto i = parse_ip(v6(6, Buffer(20)));
  cr_assert(i.has_value());
  cr_assert_eq(i->protocol, 6);
  cr_assert_eq(i->transport_offset, 40);
  cr_assert_eq(i->source.bytes()[0], 1);
  cr_assert_eq(i->destination.bytes()[15], 32);
  cr_assert_not(i->source.is_v4());
  cr_assert_not(i->v6_extensions);
}

Test(ip, v6_payload_length_must_agree_and_jumbograms_are_refused) {
  Buffer p = v6(59, Buffer(8));
  store_be16(&p[4], 7);
  cr_assert_not(parse_ip(p).has_value());
  store_be16(&p[4], 0);
  cr_assert_not(parse_ip(p).has_value());
  cr_assert(parse_ip(v6(59, {})).has_value());
  cr_assert_not(parse_ip(v6(17, Buffer(65535))).has_value(), "longer than an entry can say");
  cr_assert(parse_ip(v6(17, Buffer(65495))).has_value());
}

Test(ip, v6_extension_headers_are_walked) {
  for (const std::uint8_t type : ByteArray<6>{0, 43, 60, 135, 139, 140}) {
    const auto i = parse_ip(v6(type, join(extension(17, 3), Buffer(8))));
    cr_assert(i.has_value(), "type %u", type);
    cr_assert_eq(i->protocol, 17);
    cr_assert_eq(i->transport_offset, 40 + 24);
    cr_assert(i->v6_extensions);
    cr_assert_not(i->fragment);
  }
}

Test(ip, v6_authentication_header_counts_in_words_of_four) {
  Buffer h(12);
  h[0] = 6;
  h[1] = 1;
  const auto i = parse_ip(v6(51, join(h, Buffer(20))));
  cr_assert(i.has_value());
  cr_assert_eq(i->transport_offset, 52);
  cr_assert_eq(i->protocol, 6);
}

Test(ip, v6_fragments) {
  Buffer first = extension(0, 1);
  first[0] = 60;
  first[1] = 200;  // reserved in a fragment header: not a length
  first[3] = 1;    // more fragments, offset 0
  const auto a = parse_ip(v6(44, join(first, join(extension(17, 1), Buffer(8)))));
  cr_assert(a && a->fragment && a->protocol == 17 && a->transport_offset == 56);
  Buffer later = first;
  store_be16(&later[2], 8);
  const auto b = parse_ip(v6(44, join(later, Buffer(8, 0xff))));
  cr_assert(b && b->fragment && b->protocol == 60 && b->transport_offset == 48);
}

Test(ip, v6_extension_beyond_the_end_is_refused) {
  Buffer h = extension(17, 2);
  h[1] = 2;
  cr_assert_not(parse_ip(v6(0, h)).has_value());
  h[1] = 255;
  cr_assert_not(parse_ip(v6(43, h)).has_value());
  cr_assert_not(parse_ip(v6(60, Buffer(7))).has_value());
  cr_assert_not(parse_ip(v6(0, extension(0, 1))).has_value(), "the chain needs an end");
}

Test(ip, a_long_chain_ends) {
  Buffer chain;
  for (int i = 0; i < 8000; ++i) chain = join(std::move(chain), extension(60, 1));
  cr_assert_not(parse_ip(v6(60, chain)).has_value());
  chain = join(std::move(chain), extension(6, 1));
  cr_assert_eq(parse_ip(v6(60, chain))->protocol, 6);
}

Test(checksum, matches_the_example_of_rfc_1071) {
  const ByteArray<8> b{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  cr_assert_eq(checksum_add(b), 0xddf2);
}

Test(checksum, odd_ends_and_starts) {
  const ByteArray<7> b{0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde};
  for (std::size_t n = 0; n <= b.size(); ++n) {
    std::uint32_t sum = 0xfffe;
    for (std::size_t i = 0; i < n; ++i) sum += i % 2 == 0 ? std::uint32_t{b[i]} << 8 : b[i];
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    cr_assert_eq(checksum_add(Bytes(b).first(n), 0xfffe), sum, "%zu bytes", n);
  }
}

Test(checksum, does_not_overflow) {
  const Buffer b(65536, 0xff);
  cr_assert_eq(checksum_add(b, 0xffffffff), 0xffff);
}
