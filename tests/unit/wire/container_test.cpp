// SPDX-License-Identifier: ISC
#include "core/wire/container.h"

#include <criterion/criterion.h>

#include <algorithm>
#include <vector>

using namespace vpnd;
using namespace vpnd::wire;

namespace {

using Buffer = std::vector<std::uint8_t>;

void add(Buffer& out, std::size_t length, const Offload& o, std::uint8_t fill) {
  const std::size_t at = out.size();
  out.resize(at + kEntryHeader + length, fill);
  write_entry_header(&out[at], static_cast<std::uint16_t>(length), o);
}

struct Result {
  std::vector<std::size_t> sizes;
  bool ok = true;
};

Result read_all(Buffer b) {
  ContainerReader reader(b);
  Result r;
  while (const auto e = reader.next()) r.sizes.push_back(e->packet.size());
  cr_assert_not(reader.next().has_value(), "the end is the end");
  r.ok = reader.ok();
  return r;
}

}  // namespace

Test(container, header_is_laid_out_as_specified) {
  ByteArray<6> b;
  b.fill(0xff);
  write_entry_header(b.data(), 0x1234, {Kind::tso6, 0x05b4});
  const ByteArray<6> want{0x34, 0x12, 3, 0, 0xb4, 0x05};
  cr_assert(b == want);
}

Test(container, entries_come_back_in_order) {
  Buffer b;
  add(b, 20, {}, 1);
  add(b, 65535, {Kind::tso4, 1448}, 2);
  add(b, 1, {Kind::needs_checksum, 0}, 3);
  ContainerReader reader(b);
  auto e = reader.next();
  cr_assert(e && e->offload == Offload{} && e->packet.size() == 20 && e->packet[19] == 1);
  e = reader.next();
  cr_assert(e && e->offload == (Offload{Kind::tso4, 1448}) && e->packet.size() == 65535);
  cr_assert(std::ranges::all_of(e->packet, [](std::uint8_t x) { return x == 2; }));
  e = reader.next();
  cr_assert(e && e->offload.kind == Kind::needs_checksum && e->packet[0] == 3);
  cr_assert_not(reader.next().has_value());
  cr_assert(reader.ok());
}

Test(container, an_empty_one_is_fine) {
  const Result r = read_all({});
  cr_assert(r.ok && r.sizes.empty());
}

Test(container, length_zero_ends_the_data_whatever_follows) {
  for (const Buffer& tail : {Buffer{0, 0}, Buffer{0, 0, 0xff}, Buffer{0, 0, 9, 9, 9, 9, 40, 0}}) {
    Buffer b;
    add(b, 30, {}, 7);
    b.insert(b.end(), tail.begin(), tail.end());
    const Result r = read_all(b);
    cr_assert(r.ok);
    cr_assert_eq(r.sizes.size(), 1u);
  }
}

Test(container, a_single_byte_is_no_entry) {
  Buffer b;
  add(b, 30, {}, 7);
  b.push_back(0);
  const Result r = read_all(b);
  cr_assert_not(r.ok);
  cr_assert_eq(r.sizes.size(), 1u, "what came before was whole");
}

Test(container, every_truncation_is_seen) {
  Buffer b;
  add(b, 10, {}, 1);
  add(b, 11, {Kind::uso, 5}, 2);
  for (std::size_t n = 0; n < b.size(); ++n) {
    const bool whole = n == 0 || n == 16;
    const Result r = read_all(Buffer(b.begin(), b.begin() + static_cast<std::ptrdiff_t>(n)));
    cr_assert_eq(r.ok, whole, "cut at %zu", n);
    cr_assert_eq(r.sizes.size(), n >= 16 ? 1u : 0u);
  }
}

Test(container, length_beyond_the_end_is_refused) {
  Buffer b;
  add(b, 10, {}, 1);
  store_le16(b.data(), 11);
  cr_assert_not(read_all(b).ok);
  store_le16(b.data(), 65535);
  cr_assert_not(read_all(b).ok);
}

Test(container, unknown_kinds_and_a_non_zero_filler_are_refused) {
  for (unsigned kind = 0; kind < 256; ++kind) {
    Buffer b;
    add(b, 10, {}, 1);
    b[2] = static_cast<std::uint8_t>(kind);
    cr_assert_eq(read_all(b).ok, kind <= 4, "kind %u", kind);
  }
  Buffer b;
  add(b, 10, {}, 1);
  b[3] = 1;
  cr_assert_not(read_all(b).ok);
}

Test(container, random_bytes_never_give_more_than_there_is) {
  std::uint32_t x = 12345;
  for (std::size_t round = 0; round < 100'000; ++round) {
    Buffer b(round % 97);
    for (auto& byte : b) {
      x = x * 1664525 + 1013904223;
      byte = static_cast<std::uint8_t>((x >> 24) & ((x & 0x100) != 0 ? 0x07 : 0xff));
    }
    ContainerReader reader(b);
    const std::uint8_t* end = b.data();
    while (const auto e = reader.next()) {
      cr_assert_eq(e->packet.data(), end + kEntryHeader);
      cr_assert(!e->packet.empty());
      end = e->packet.data() + e->packet.size();
    }
    cr_assert_leq(end - b.data(), static_cast<std::ptrdiff_t>(b.size()));
  }
}
