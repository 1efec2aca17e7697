// SPDX-License-Identifier: ISC
#include "core/engine/hand_over.h"

#include <criterion/criterion.h>

#include <algorithm>
#include <memory>
#include <thread>
#include <vector>

#include "core/engine/settings.h"
#include "core/engine/workers.h"

using namespace vpnd;
using engine::HandOver;

namespace {

constexpr std::uint32_t kRoom = HandOver::kRoom;

// A packet of a size of its own, full of its number.
std::size_t fill(wire::Slot& slot, std::uint32_t number) {
  const std::size_t size = 20 + number % 1000;
  std::ranges::fill(slot.packet_room().first(size), static_cast<std::uint8_t>(number));
  return size;
}

// Takes the next one into `room`.
bool takes(HandOver& from, wire::Slot& room, std::uint32_t number) {
  const auto p = from.front();
  if (!p) return false;
  from.pop(room);
  return p->size == 20 + number % 1000 && p->vnet.gso_size == number % 60'000 &&
         std::ranges::all_of(room.packet_room().first(p->size),
                             [=](auto b) { return b == static_cast<std::uint8_t>(number); });
}

bool give(HandOver& to, wire::Slot& slot, std::uint32_t number) {
  wire::VnetHeader vnet;
  vnet.gso_size = static_cast<std::uint16_t>(number % 60'000);
  return to.push(slot, vnet, fill(slot, number));
}

}  // namespace

Test(hand_over, takes_as_many_as_it_has_room_for_and_gives_room_for_room) {
  wire::Pool pool(kRoom + 1), readers(3);
  HandOver box;
  for (std::uint32_t i = 0; i < kRoom; ++i) {
    wire::Slot slot = pool.take();
    cr_assert(give(box, slot, i));
    cr_assert(!slot);
  }
  wire::Slot last = pool.take();
  cr_assert_not(give(box, last, 0));
  cr_assert(last, "a packet that is refused stays with its owner");
  for (std::uint32_t i = 0; i < 3; ++i) {
    wire::Slot room = readers.take();
    const std::uint8_t* own = room.bytes().data();
    cr_assert(takes(box, room, i));
    cr_assert_neq(room.bytes().data(), own, "it was not copied");
    cr_assert_eq(room.end(), wire::kRecordHeader);
  }
  cr_assert_eq(readers.free_slots(), 3u);
  cr_assert_eq(pool.free_slots(), 0u, "they come back to the writer, by the writer");
  box.reclaim();
  cr_assert_eq(pool.free_slots(), 3u);
  cr_assert(give(box, last, kRoom));
  box.clear();
  cr_assert_eq(pool.free_slots(), kRoom + 1);
  cr_assert(!box.front());
}

// Otherwise a writer could have nothing to read into, and nobody would tell it of what comes back.
Test(hand_over, all_others_together_are_not_lent_a_whole_pool) {
  const std::size_t slots = engine::Room{}.slots;
  for (std::uint32_t workers = 2; workers <= engine::kMostWorkers; ++workers) {
    wire::Pool pool(slots);
    std::vector<std::unique_ptr<HandOver>> boxes;
    for (std::uint32_t i = 1; i < workers; ++i) {
      HandOver& box = *boxes.emplace_back(std::make_unique<HandOver>(workers));
      std::uint32_t room = 0;
      for (wire::Slot slot = pool.take(); slot && give(box, slot, room); slot = pool.take()) ++room;
      cr_assert_geq(room, 2 * 16u, "twice what is read at once");
    }
    cr_assert_gt(pool.free_slots(), slots / 4, "%u workers", workers);
    for (auto& box : boxes) box->clear();
    cr_assert_eq(pool.free_slots(), slots);
  }
}

Test(hand_over, without_room_at_the_reader_a_packet_is_gone_and_its_slot_is_not) {
  wire::Pool pool(1);
  HandOver box;
  wire::Slot slot = pool.take(), none;
  cr_assert(give(box, slot, 7));
  box.pop(none);
  cr_assert(!box.front() && !none);
  box.reclaim();
  cr_assert_eq(pool.free_slots(), 1u);
}

Test(hand_over, between_two_threads_every_packet_arrives_whole) {
  constexpr std::uint32_t kMany = 20'000;
  wire::Pool pool(kRoom + 1), readers(2);
  HandOver box;
  std::thread writer([&] {
    for (std::uint32_t i = 0; i < kMany;) {
      box.reclaim();
      wire::Slot slot = pool.take();
      if (give(box, slot, i)) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  });
  std::uint32_t next = 0;
  bool whole = true;
  while (next < kMany) {
    if (!box.front()) {
      std::this_thread::yield();
      continue;
    }
    wire::Slot room = readers.take();
    whole = whole && takes(box, room, next++);
  }
  writer.join();
  cr_assert(whole);
}
