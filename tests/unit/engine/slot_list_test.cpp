// SPDX-License-Identifier: ISC
#include "core/engine/slot_list.h"

#include <criterion/criterion.h>

#include <chrono>

namespace vpnd::engine {
namespace {

using namespace std::chrono_literals;

Test(slot_list, gives_back_in_order_what_it_was_given) {
  wire::Pool pool(4);
  SlotNodes nodes(4);
  SlotList list(nodes), other(nodes);
  for (std::uint32_t round = 0; round < 5; ++round) {
    for (std::uint32_t i = 0; i < 3; ++i) {
      wire::Slot slot = pool.take();
      slot.set_end(100 + i);
      list.push(std::move(slot), TimePoint(i * 1s));
      cr_assert_eq(list.back().end(), 100 + i);
    }
    other.push(pool.take());
    std::uint32_t seen = 0;
    for (auto at = list.first(); at != SlotList::kEnd; at = list.next(at)) {
      cr_assert_eq(list.at(at).end(), 100 + seen++);
    }
    cr_assert_eq(seen, 3u);
    for (std::uint32_t i = 0; i < 3; ++i) {
      cr_assert(list.front_since() == TimePoint(i * 1s));
      cr_assert_eq(list.front().end(), 100 + i);
      cr_assert_eq(list.pop().end(), 100 + i);
    }
    cr_assert(list.empty());
    cr_assert(other.pop());
  }
  cr_assert_eq(pool.free_slots(), 4u);
}

Test(slot_list, a_cleared_one_keeps_no_slot) {
  wire::Pool pool(4);
  SlotNodes nodes(4);
  for (int round = 0; round < 3; ++round) {
    SlotList list(nodes);
    for (int i = 0; i < 4; ++i) list.push(pool.take());
    cr_assert_eq(pool.free_slots(), 0u);
    if (round == 0) list.clear();
    cr_assert_eq(list.empty(), round == 0);
  }
  cr_assert_eq(pool.free_slots(), 4u);
}

}  // namespace
}  // namespace vpnd::engine
