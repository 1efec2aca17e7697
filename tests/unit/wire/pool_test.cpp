// SPDX-License-Identifier: ISC
#include "core/wire/pool.h"

#include <criterion/criterion.h>

#include <utility>
#include <vector>

using namespace vpnd;
using namespace vpnd::wire;

Test(pool, every_slot_is_given_out_once) {
  Pool pool(3);
  std::vector<Slot> slots;
  for (int i = 0; i < 3; ++i) slots.push_back(pool.take());
  for (const Slot& s : slots) cr_assert(static_cast<bool>(s));
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = i + 1; j < 3; ++j) {
      const auto gap = slots[i].bytes().data() - slots[j].bytes().data();
      cr_assert(gap >= static_cast<std::ptrdiff_t>(kSlotSize) ||
                -gap >= static_cast<std::ptrdiff_t>(kSlotSize));
    }
  }
  cr_assert_not(static_cast<bool>(pool.take()), "a pool of three gave a fourth");
  cr_assert_eq(pool.free_slots(), 0u);
}

Test(pool, a_dropped_handle_gives_its_slot_back_once) {
  Pool pool(2);
  {
    Slot a = pool.take();
    Slot b = std::move(a);
    cr_assert_not(static_cast<bool>(a));
    cr_assert(static_cast<bool>(b));
    cr_assert_eq(pool.free_slots(), 1u);
  }
  cr_assert_eq(pool.free_slots(), 2u);
}

Test(pool, assignment_releases_what_was_held) {
  Pool pool(2);
  Slot a = pool.take(), b = pool.take();
  b.set_end(100);
  const std::uint8_t* where = b.bytes().data();
  a = std::move(b);
  cr_assert_eq(pool.free_slots(), 1u);
  cr_assert_eq(a.bytes().data(), where);
  cr_assert_eq(a.end(), 100u);
  Slot& same = a;
  a = std::move(same);
  cr_assert(static_cast<bool>(a));
  cr_assert_eq(pool.free_slots(), 1u);
}

Test(pool, release_twice_is_release_once) {
  Pool pool(1);
  Slot a = pool.take();
  a.release();
  a.release();
  cr_assert_eq(pool.free_slots(), 1u);
  cr_assert(a.bytes().empty());
  cr_assert(a.packet_room().empty());
}

Test(pool, what_slots_hold_can_change_pools) {
  Pool one(1), other(1);
  Slot a = one.take(), b = other.take();
  const std::uint8_t *of_a = a.bytes().data(), *of_b = b.bytes().data();
  a.set_end(100);
  a.exchange(b);
  cr_assert_eq(a.bytes().data(), of_b);
  cr_assert_eq(b.bytes().data(), of_a);
  cr_assert(a.end() == kRecordHeader && b.end() == 100u);
  b.release();
  cr_assert(one.free_slots() == 0u && other.free_slots() == 1u, "each goes to its own pool");
  cr_assert_eq(other.take().bytes().data(), of_a);
}

Test(pool, a_fresh_slot_has_room_for_the_longest_packet) {
  Pool pool(1);
  Slot s = pool.take();
  cr_assert_eq(s.end(), kRecordHeader);
  cr_assert_eq(s.plaintext(), 0u);
  const MutBytes room = s.packet_room();
  cr_assert_geq(room.size(), kMaxIpPacket);
  cr_assert_eq(room.data() - s.bytes().data(),
               static_cast<std::ptrdiff_t>(kRecordHeader + kEntryHeader));
}

Test(pool, room_leaves_space_for_the_tag_and_ends_with_the_slot) {
  Pool pool(1);
  Slot s = pool.take();
  s.set_end(static_cast<std::uint32_t>(kSlotSize - kMaxTagRoom - kEntryHeader - 1));
  cr_assert_eq(s.packet_room().size(), 1u);
  s.set_end(static_cast<std::uint32_t>(kSlotSize - kMaxTagRoom - kEntryHeader));
  cr_assert(s.packet_room().empty());
  s.set_end(static_cast<std::uint32_t>(kSlotSize));
  cr_assert(s.packet_room().empty());
}

Test(pool, a_slot_comes_back_as_fresh) {
  Pool pool(1);
  Slot s = pool.take();
  s.set_end(5000);
  s.release();
  s = pool.take();
  cr_assert_eq(s.end(), kRecordHeader);
}
