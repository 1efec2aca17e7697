// SPDX-License-Identifier: ISC
// Channels under every data cipher that is offered: their tags differ in length, and room is
// planned for the longest.

#include <criterion/criterion.h>

#include "core/wire/pool.h"
#include "tests/support/channel_pair.h"

using namespace vpnd;
using namespace vpnd::wire;
using namespace vpnd::test;

namespace {

Pair pair_of(crypto::Cipher cipher) {
  return {negotiated(cipher), negotiated(cipher)};
}

unsigned id(crypto::Cipher cipher) {
  return static_cast<unsigned>(cipher);
}

}  // namespace

Test(channel_ciphers, talk_and_renew_their_keys) {
  for (const auto cipher : offered_ciphers()) {
    Pair p = pair_of(cipher);
    p.confirmed();
    cr_assert(p.client.channel.cipher() == cipher && p.talks(), "cipher %u", id(cipher));
    p.client.channel.request_rekey(at(0s));
    p.settle();
    cr_assert_eq(p.server.channel.rekeys(), 1u);
    cr_assert(p.talks());
  }
}

Test(channel_ciphers, a_record_is_longer_by_its_header_and_its_tag) {
  for (const auto cipher : offered_ciphers()) {
    Pair p = pair_of(cipher);
    p.confirmed();
    const std::size_t tag = cipher == crypto::Cipher::aegis256 ? 32 : 16;
    for (const std::size_t n : {std::size_t{0}, std::size_t{500}, std::size_t{kMaxPlaintext}}) {
      const Buffer record = p.client.data(Buffer(n, 5));
      cr_assert_eq(record.size(), kRecordHeader + n + tag, "cipher %u, %zu", id(cipher), n);
      cr_assert_eq(p.server.channel.record_size(record), record.size());
      const Buffer most(record.begin(), record.end() - 1);
      cr_assert(p.server.hear(most).events.empty(), "its last byte is still to come");
      cr_assert((p.server.hear(record).data == Buffers{Buffer(n, 5)}));
    }
  }
}

Test(channel_ciphers, no_byte_is_written_behind_the_room_of_a_record) {
  for (const auto cipher : offered_ciphers()) {
    Pair p = pair_of(cipher);
    p.confirmed();
    const std::size_t need = kRecordHeader + 100 + crypto::tag_length(cipher);
    for (std::size_t room = need - 40; room <= need; ++room) {
      Buffer buffer(room + 64, 0xa5);
      std::size_t size = 0;
      const Drop drop = p.client.channel.seal_data(MutBytes(buffer).first(room), 100, size, at(0s));
      cr_assert_eq(drop == Drop::none, room == need, "cipher %u: room %zu of %zu", id(cipher), room,
                   need);
      cr_assert_eq(std::count(buffer.end() - 64, buffer.end(), 0xa5), 64);
    }
  }
}

Test(channel_ciphers, no_byte_is_written_behind_the_room_for_control) {
  for (const auto cipher : offered_ciphers()) {
    for (std::size_t room = 0; room < 400; ++room) {
      Pair p = pair_of(cipher);
      Buffer buffer(room + 64, 0xa5);
      const std::size_t size = p.client.channel.write_control(MutBytes(buffer).first(room), at(0s));
      cr_assert_leq(size, room);
      cr_assert_eq(std::count(buffer.end() - 64, buffer.end(), 0xa5), 64);
      cr_assert_eq(size == 0, p.client.channel.control_pending(), "cipher %u, room %zu", id(cipher),
                   room);
    }
  }
}

// The slot of the largest packet, and one that is filled to what packet_room() leaves.
Test(channel_ciphers, a_full_slot_has_room_for_the_longest_tag) {
  Pool pool(1);
  for (const auto cipher : offered_ciphers()) {
    Pair p = pair_of(cipher);
    p.confirmed();
    for (const std::size_t end :
         {kRecordHeader + kEntryHeader + kMaxIpPacket, kSlotSize - kMaxTagRoom}) {
      Slot slot = pool.take();
      slot.set_end(static_cast<std::uint32_t>(end));
      std::ranges::fill(slot.bytes(), std::uint8_t{7});
      std::size_t size = 0;
      const Drop drop = p.client.channel.seal_data(slot.bytes(), slot.plaintext(), size, at(0s));
      cr_assert(drop == Drop::none && size <= kSlotSize, "cipher %u, end %zu", id(cipher), end);
      const Bytes record = Bytes(slot.bytes()).first(size);
      const Heard h = p.server.hear(Buffer(record.begin(), record.end()));
      cr_assert((h.data == Buffers{Buffer(end - kRecordHeader, 7)}), "cipher %u", id(cipher));
    }
  }
}

Test(channel_ciphers, each_bit_of_a_tag_counts) {
  for (const auto cipher : offered_ciphers()) {
    Pair sample = pair_of(cipher);
    const Buffer confirm = sample.client.control(), record = sample.client.data({1, 2, 3});
    for (std::size_t bit = 8 * (kRecordHeader + 3); bit < 8 * record.size(); ++bit) {
      Pair p = pair_of(cipher);
      (void)p.server.hear(confirm);
      const Heard h = p.server.hear(flipped(record, bit / 8, bit % 8));
      cr_assert(h.drop == Drop::bad_tag && h.data.empty(), "cipher %u, bit %zu", id(cipher), bit);
    }
  }
}

Test(channel_ciphers, two_that_disagree_understand_nothing) {
  const auto ciphers = offered_ciphers();
  if (ciphers.size() < 2) cr_skip_test("only one cipher here");
  for (const auto ours : ciphers) {
    for (const auto theirs : ciphers) {
      if (ours == theirs) continue;
      Pair p(negotiated(ours), negotiated(theirs));
      cr_assert(p.server.hear(p.client.control() + Buffer(0x20100)).has(Event::failed));
    }
  }
}
