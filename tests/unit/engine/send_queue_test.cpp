// SPDX-License-Identifier: ISC
#include "core/engine/send_queue.h"

#include <criterion/criterion.h>

#include <algorithm>
#include <deque>

#include "core/wire/container.h"
#include "tests/unit/engine/test_random.h"

namespace vpnd::engine {
namespace {

constexpr QueueLimits kLimits{200'000, 2048, 16 * 1024, wire::kMaxPlaintext};

// What a reader of the TUN does: a fresh slot, the packet in it, and the slot again if it was left.
Drop put(SendQueue& queue, wire::Pool& pool, wire::Slot& slot, const std::vector<std::uint8_t>& p,
         const QueueLimits& limits = kLimits) {
  if (!slot) slot = pool.take();
  if (!slot) return Drop::queue_full;
  std::ranges::copy(p, slot.packet_room().begin());
  return queue.push(slot, p.size(), {wire::Kind::plain, 0}, limits);
}

std::vector<std::uint8_t> packet(std::mt19937& random, std::size_t size) {
  std::vector<std::uint8_t> p(size);
  for (auto& b : p) b = static_cast<std::uint8_t>(random());
  return p;
}

Test(send_queue, small_packets_share_a_record_and_leave_the_slot) {
  wire::Pool pool(4);
  SlotNodes nodes(4);
  SendQueue queue(nodes);
  wire::Slot slot;
  std::mt19937 random(1);
  cr_assert(put(queue, pool, slot, packet(random, 100)) == Drop::none);
  cr_assert_not(slot);  // it became the shared record
  for (int i = 0; i < 50; ++i) {
    cr_assert(put(queue, pool, slot, packet(random, 100)) == Drop::none);
    cr_assert(slot);
  }
  cr_assert(put(queue, pool, slot, packet(random, 60'000)) == Drop::none);
  cr_assert_not(slot);
  cr_assert(put(queue, pool, slot, packet(random, 100)) == Drop::none);
  cr_assert_not(slot, "a packet was put behind a large one");
  cr_assert_eq(packets_in(queue.pop()), 51u);
  cr_assert_eq(packets_in(queue.pop()), 1u);
  cr_assert_eq(packets_in(queue.pop()), 1u);
  cr_assert(queue.empty());
  cr_assert_eq(queue.bytes(), 0u);
  cr_assert_eq(pool.free_slots(), 4u);
}

Test(send_queue, everything_comes_out_in_order_within_the_limit) {
  wire::Pool pool(40);
  SlotNodes nodes(40);
  SendQueue queue(nodes);
  wire::Slot slot;
  std::mt19937 random(2);
  std::deque<std::vector<std::uint8_t>> expected;
  int full = 0;
  for (int step = 0; step < 20'000; ++step) {
    if (random() % 12 != 0) {
      const auto p = packet(random, random() % 4 == 0 ? 1 + random() % 9000 : 1 + random() % 200);
      const Drop d = put(queue, pool, slot, p);
      if (d == Drop::none) expected.push_back(p);
      full += d == Drop::queue_full ? 1 : 0;
      cr_assert(d == Drop::none || d == Drop::queue_full);
      cr_assert_leq(queue.bytes(), kLimits.bytes);
    } else if (!queue.empty()) {
      wire::Slot record = queue.pop();
      wire::ContainerReader reader(record.bytes().subspan(wire::kRecordHeader, record.plaintext()));
      while (const auto entry = reader.next()) {
        cr_assert(std::ranges::equal(entry->packet, expected.front()));
        expected.pop_front();
      }
      cr_assert(reader.ok());
    }
  }
  cr_assert_gt(full, 10);
}

Test(send_queue, a_packet_longer_than_the_peer_takes_is_refused) {
  wire::Pool pool(2);
  SlotNodes nodes(2);
  SendQueue queue(nodes);
  wire::Slot slot;
  std::mt19937 random(3);
  const QueueLimits narrow{200'000, 2048, 1000, 1000};
  cr_assert(put(queue, pool, slot, packet(random, 994), narrow) == Drop::none);
  cr_assert(put(queue, pool, slot, packet(random, 995), narrow) == Drop::too_large);
  cr_assert(put(queue, pool, slot, packet(random, 10), narrow) == Drop::none);
  cr_assert_eq(queue.pop().plaintext(), 1000u);
}

Test(send_queue, dropping_a_list_gives_the_slots_back) {
  wire::Pool pool(8);
  SlotNodes nodes(8);
  for (int round = 0; round < 20; ++round) {
    SendQueue queue(nodes);
    wire::Slot slot;
    std::mt19937 random(4);
    for (int i = 0; i < 8; ++i) put(queue, pool, slot, packet(random, 3000));
    cr_assert_eq(pool.free_slots(), 0u);
    if (round % 2 == 0) queue.clear();
  }
  cr_assert_eq(pool.free_slots(), 8u);
}

}  // namespace
}  // namespace vpnd::engine
