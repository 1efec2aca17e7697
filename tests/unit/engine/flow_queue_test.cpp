// SPDX-License-Identifier: ISC
#include "core/engine/flow_queue.h"

#include <criterion/criterion.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>

#include "core/wire/container.h"
#include "tests/support/packets.h"
#include "tests/unit/engine/test_random.h"

namespace vpnd::engine {
namespace {

using namespace std::chrono_literals;
using Raw = std::vector<std::uint8_t>;

constexpr QueueLimits kLimits{200'000, 2048, 16 * 1024, wire::kMaxPlaintext};
constexpr TimePoint kStart{1h};

Raw packet(std::mt19937& random, std::size_t size) {
  Raw p(size);
  for (auto& b : p) b = static_cast<std::uint8_t>(random());
  p[0] = 0x45;
  p[1] = 0;  // its sender knows no marks
  return p;
}

// A queue with all that it needs, and a slot as whoever reads the TUN has it.
struct Queue {
  explicit Queue(std::size_t slots) : pool(slots), flows(slots), queue(flows) {}

  Drop put(const Raw& p, std::uint64_t flow = 1, TimePoint now = kStart,
           const wire::Offload& offload = {}, const QueueLimits& limits = kLimits) {
    if (!slot) slot = pool.take();
    if (!slot) return Drop::queue_full;
    std::ranges::copy(p, slot.packet_room().begin());
    return queue.push(slot, {p.size(), offload, flow, now}, limits);
  }
  wire::Slot pop(TimePoint now = kStart) { return queue.pop(now, pace_for({}), lost); }

  wire::Pool pool;
  Flows flows;
  FlowQueue queue;
  wire::Slot slot;
  std::size_t lost = 0;
};

std::vector<Raw> packets_of(const wire::Slot& record) {
  std::vector<Raw> out;
  wire::ContainerReader reader(record.bytes().subspan(wire::kRecordHeader, record.plaintext()));
  while (const auto e = reader.next()) out.emplace_back(e->packet.begin(), e->packet.end());
  cr_assert(reader.ok());
  return out;
}

Test(flow_queue, small_packets_share_a_record_and_leave_the_slot) {
  Queue q(4);
  std::mt19937 random(1);
  cr_assert(q.put(packet(random, 100)) == Drop::none);
  cr_assert_not(q.slot);  // it became the shared record
  for (int i = 0; i < 50; ++i) {
    cr_assert(q.put(packet(random, 100)) == Drop::none);
    cr_assert(q.slot);
  }
  cr_assert(q.put(packet(random, 60'000)) == Drop::none);
  cr_assert_not(q.slot);
  cr_assert(q.put(packet(random, 100)) == Drop::none);
  cr_assert_not(q.slot, "a packet was put behind a large one");
  cr_assert_eq(packets_in(q.pop()), 51u);
  cr_assert_eq(packets_in(q.pop()), 1u);
  cr_assert_eq(packets_in(q.pop()), 1u);
  cr_assert(q.queue.empty());
  cr_assert_eq(q.queue.bytes(), 0u);
  cr_assert_eq(q.pool.free_slots(), 4u);
}

Test(flow_queue, each_flow_comes_out_in_order_within_the_limit) {
  Queue q(40);
  std::mt19937 random(2);
  std::map<std::uint8_t, std::deque<Raw>> expected;
  int full = 0;
  for (int step = 0; step < 20'000; ++step) {
    if (random() % 12 != 0) {
      const auto flow = static_cast<std::uint8_t>(random() % 5);
      Raw p = packet(random, random() % 4 == 0 ? 2 + random() % 9000 : 2 + random() % 200);
      p.back() = flow;
      const Drop d = q.put(p, flow);
      if (d == Drop::none) expected[flow].push_back(std::move(p));
      full += d == Drop::queue_full ? 1 : 0;
      cr_assert(d == Drop::none || d == Drop::queue_full);
      cr_assert_leq(q.queue.bytes(), kLimits.bytes);
    } else if (!q.queue.empty()) {
      for (const Raw& p : packets_of(q.pop())) {
        auto& flow = expected[p.back()];
        cr_assert(!flow.empty() && p == flow.front());
        flow.pop_front();
      }
    }
  }
  cr_assert_gt(full, 10);
  while (!q.queue.empty()) {
    for (const Raw& p : packets_of(q.pop())) expected[p.back()].pop_front();
  }
  for (const auto& [flow, rest] : expected) cr_assert(rest.empty());
  cr_assert_eq(q.lost, 0u);
}

Test(flow_queue, a_packet_longer_than_the_peer_takes_is_refused) {
  Queue q(2);
  std::mt19937 random(3);
  const QueueLimits narrow{200'000, 2048, 1000, 1000};
  cr_assert(q.put(packet(random, 994), 1, kStart, {}, narrow) == Drop::none);
  cr_assert(q.put(packet(random, 995), 1, kStart, {}, narrow) == Drop::too_large);
  cr_assert(q.put(packet(random, 10), 1, kStart, {}, narrow) == Drop::none);
  cr_assert_eq(q.pop().plaintext(), 1000u);
}

Test(flow_queue, dropping_a_queue_gives_slots_and_flows_back) {
  wire::Pool pool(8);
  Flows flows(8);
  std::mt19937 random(4);
  for (std::uint64_t round = 0; round < 20; ++round) {
    FlowQueue queue(flows);
    for (std::uint64_t i = 0; i < 8; ++i) {
      const Raw p = packet(random, 3000);
      cr_assert(queue.push_copy(pool, p, {p.size(), {}, i % (round + 1), kStart}, kLimits) ==
                Drop::none);
    }
    cr_assert_eq(pool.free_slots(), 0u);
    if (round % 2 == 0) queue.clear();
  }
  cr_assert_eq(pool.free_slots(), 8u);
  for (std::uint64_t i = 0; i < 20; ++i) cr_assert_not(flows.find(i));
}

Test(flow_queue, a_flow_that_sends_little_does_not_wait_for_one_that_sends_much) {
  Queue q(64);
  std::mt19937 random(5);
  for (int i = 0; i < 20; ++i) cr_assert(q.put(packet(random, 9000), 1) == Drop::none);
  cr_assert_eq(packets_of(q.pop()).front().size(), 9000u);
  cr_assert(q.put(packet(random, 84), 2) == Drop::none);
  const bool next = packets_of(q.pop()).front().size() == 84;
  cr_assert(next || packets_of(q.pop()).front().size() == 84);
}

Test(flow_queue, flows_with_much_to_send_share_by_bytes) {
  Queue q(600);
  std::mt19937 random(6);
  const std::size_t sizes[] = {60'000, 9000, 1400};
  const QueueLimits limits{8'000'000, 2048, 16 * 1024, wire::kMaxPlaintext};
  for (std::uint8_t flow = 0; flow < 3; ++flow) {
    for (std::size_t bytes = 0; bytes < 1'500'000; bytes += sizes[flow]) {
      Raw p = packet(random, sizes[flow]);
      p.back() = flow;
      cr_assert(q.put(p, flow, kStart, {}, limits) == Drop::none);
    }
  }
  std::map<std::uint8_t, std::size_t> sent;
  while (sent[0] < 1'000'000) {
    for (const Raw& p : packets_of(q.pop())) sent[p.back()] += p.size();
  }
  const auto [least, most] = std::minmax({sent[0], sent[1], sent[2]});
  // One record, and one more that the first turn of new flows may cost.
  cr_assert_leq(most - least, 2 * 60'000u + 8192, "%zu to %zu", least, most);
}

Test(flow_queue, any_number_of_new_flows_leaves_the_old_ones_their_turn) {
  Queue q(64);
  std::mt19937 random(7);
  for (int i = 0; i < 10; ++i) cr_assert(q.put(packet(random, 9000), 1) == Drop::none);
  std::size_t old = 0, fresh = 0;
  for (std::uint64_t flow = 2; old < 10 && flow < 2000; ++flow) {
    cr_assert(q.put(packet(random, 1500), flow) == Drop::none);
    (packets_of(q.pop()).front().size() == 9000 ? old : fresh) += 1;
    if (q.queue.bytes() > 150'000) q.queue.shed();
  }
  cr_assert_eq(old, 10u);
  cr_assert_gt(fresh, 100u, "they do go first");
}

Test(flow_queue, the_flow_with_most_pays_for_all) {
  Queue q(64);
  std::mt19937 random(8);
  for (int i = 0; i < 3; ++i) cr_assert(q.put(packet(random, 3000), 1) == Drop::none);
  for (int i = 0; i < 9; ++i) cr_assert(q.put(packet(random, 5000), 2) == Drop::none);
  for (int i = 0; i < 3; ++i) cr_assert(q.put(packet(random, 3000), 3) == Drop::none);
  std::size_t shed = 0;
  while (q.queue.bytes() > 30'000) shed += q.queue.shed();
  cr_assert_eq(shed, 7u);
  std::size_t small = 0, large = 0;
  while (!q.queue.empty()) (packets_of(q.pop()).front().size() == 3000 ? small : large) += 1;
  cr_assert_eq(small, 6u);
  cr_assert_eq(large, 2u);
}

Test(flow_queue, what_may_not_be_larger_stays) {
  Queue q(8);
  std::mt19937 random(9);
  cr_assert(q.put(packet(random, 3000)) == Drop::none);
  cr_assert_not(q.queue.pop(kStart, pace_for({}), q.lost, 3005));
  cr_assert_not(q.queue.empty());
  cr_assert(q.queue.pop(kStart, pace_for({}), q.lost, 3006));
  cr_assert(q.queue.empty());
}

// ---- a queue that stands

// Two records a step come in and one goes out, for two seconds; returns what came out.
std::vector<wire::Slot> standing(Queue& q, const Raw& p, const wire::Offload& offload) {
  std::vector<wire::Slot> out;
  TimePoint now = kStart;
  for (int i = 0; i < 200; ++i, now += 10ms) {
    for (int k = 0; k < (i < 100 ? 2 : 0); ++k) (void)q.put(p, 1, now, offload);
    if (wire::Slot record = q.pop(now)) {
      out.push_back(q.pool.take());
      out.back() = std::move(record);
      if (out.size() > 20) out.erase(out.begin());
    }
  }
  return out;
}

Test(flow_queue, a_standing_queue_of_plain_packets_loses_some) {
  Queue q(400);
  std::mt19937 random(10);
  standing(q, packet(random, 3000), {});
  cr_assert_gt(q.lost, 5u);
  cr_assert_lt(q.lost, 100u);
  cr_assert(q.queue.empty());
}

Test(flow_queue, a_super_packet_loses_its_last_segment_only) {
  Queue q(400);
  const test::PacketSpec spec{.payload = 5000};
  const Raw p = test::partial_packet(spec);
  TimePoint now = kStart;
  std::size_t whole = 0, cut = 0;
  for (int i = 0; i < 60; ++i) (void)q.put(p, 1, now, {wire::Kind::tso4, 1448});
  for (; !q.queue.empty(); now += 10ms) {
    const std::size_t size = packets_of(q.pop(now)).front().size();
    cr_assert(size == p.size() || size == test::all_headers(spec) + 3 * 1448, "%zu", size);
    (size == p.size() ? whole : cut) += 1;
  }
  cr_assert_gt(cut, 1u);
  cr_assert_eq(cut, q.lost);
  cr_assert_eq(whole + cut, kLimits.bytes / (p.size() + wire::kEntryHeader));
}

Test(flow_queue, a_sender_that_understands_marks_loses_nothing) {
  Queue q(400);
  Raw p = test::partial_packet({.payload = 5000});
  p[1] |= 2;  // ECT(0)
  store_be16(&p[10], 0);
  store_be16(&p[10], static_cast<std::uint16_t>(~test::plain_sum(Bytes(p).first(20))));
  TimePoint now = kStart;
  std::size_t marked = 0, records = 0;
  for (int i = 0; i < 30; ++i) (void)q.put(p, 1, now, {wire::Kind::tso4, 1448});
  for (; !q.queue.empty(); now += 10ms, ++records) {
    const Raw out = packets_of(q.pop(now)).front();
    cr_assert_eq(out.size(), p.size());
    cr_assert_eq(test::plain_sum(Bytes(out).first(20)), 0xffff);
    marked += (out[1] & 3) == 3 ? 1 : 0;
  }
  cr_assert_eq(records, 30u);
  cr_assert_gt(marked, 1u);
  cr_assert_lt(marked, 30u);
  cr_assert_eq(q.lost, 0u);
}

Test(flow_queue, of_packets_that_share_a_record_the_first_is_lost) {
  Queue q(64);
  std::mt19937 random(11);
  TimePoint now = kStart;
  std::deque<Raw> expected;
  for (int i = 0; i < 100; ++i) {
    expected.push_back(packet(random, 1500));
    cr_assert(q.put(expected.back(), 1, now) == Drop::none);
  }
  std::size_t missing = 0;
  for (; !q.queue.empty(); now += 120ms) {
    for (const Raw& p : packets_of(q.pop(now))) {
      for (; p != expected.front(); expected.pop_front()) ++missing;
      expected.pop_front();
    }
  }
  cr_assert(expected.empty());
  cr_assert_gt(missing, 0u);
  cr_assert_eq(missing, q.lost);
}

}  // namespace
}  // namespace vpnd::engine
