// SPDX-License-Identifier: ISC
// What shares a record, what is refused, and what a queue that stands does.

#include <deque>
#include <map>

#include "tests/support/packets.h"
#include "tests/unit/engine/flow_queue_fixture.h"

namespace vpnd::engine {
namespace {

using namespace std::chrono_literals;

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

Test(flow_queue, a_record_is_shared_by_small_packets_and_up_to_its_limit) {
  Queue q(8);
  std::mt19937 random(12);
  const auto takes_a_slot = [&](std::size_t size, const wire::Offload& offload = {}) {
    cr_assert(q.put(packet(random, size), 1, kStart, offload) == Drop::none);
    return !q.slot;
  };
  cr_assert(takes_a_slot(2047));
  cr_assert(takes_a_slot(2048), "this is not small");
  cr_assert(takes_a_slot(100), "and nothing is put behind it");
  const wire::Offload sum{wire::Kind::needs_checksum, 0};
  for (int i = 0; i < 7; ++i) cr_assert_not(takes_a_slot(2047, sum));
  cr_assert_not(takes_a_slot(kLimits.shared_record - 106 - 7 * 2053 - wire::kEntryHeader));
  cr_assert(takes_a_slot(2), "it was full to the byte");
  for (int i = 0; i < 2; ++i) cr_assert_eq(packets_in(q.pop()), 1u);
  const wire::Slot shared = q.pop();
  cr_assert_eq(shared.plaintext(), kLimits.shared_record);
  wire::ContainerReader reader(shared.bytes().subspan(wire::kRecordHeader, shared.plaintext()));
  cr_assert(reader.next()->offload == wire::Offload{});
  cr_assert(reader.next()->offload == sum);
}

Test(flow_queue, its_limit_counts_all_that_a_record_holds) {
  std::mt19937 random(13);
  for (const bool copied : {false, true}) {
    Queue q(8);
    const auto put = [&](std::size_t size, const QueueLimits& limits) {
      const Raw p = packet(random, size);
      if (!copied) return q.put(p, 1, kStart, {}, limits);
      return q.queue.push_copy(q.pool, p, {size, {}, 1, kStart}, limits);
    };
    cr_assert(put(1500, kLimits) == Drop::none);
    cr_assert(put(1500, {3011, 2048, 16 * 1024, 4000}) == Drop::queue_full);
    cr_assert(put(1500, {3012, 2048, 16 * 1024, 4000}) == Drop::none);
    cr_assert(put(2, {3012, 2048, 16 * 1024, 4000}) == Drop::queue_full);
    cr_assert(put(995, {4000, 2048, 1000, 1000}) == Drop::too_large);
    cr_assert_eq(q.queue.bytes(), 3012u);
    cr_assert_eq(packets_in(q.pop()), 2u);
  }
  Queue q(8);
  const Raw p = packet(random, 70'000);
  cr_assert(q.queue.push_copy(q.pool, p, {p.size(), {}, 1, kStart}, kLimits) == Drop::queue_full,
            "no slot holds it");
}

Test(flow_queue, flows_are_told_apart_by_all_of_their_number) {
  Queue q(8);
  std::mt19937 random(14);
  for (const std::uint64_t flow : {1u, 1u + 16, 1u + 32}) {
    cr_assert(q.put(packet(random, 100), flow) == Drop::none);
  }
  cr_assert_not(q.flows.find(1 + 48));
  for (int i = 0; i < 3; ++i) cr_assert_eq(packets_in(q.pop()), 1u);
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
    // Some had their first turn, and are of the others.
    for (std::uint64_t i = 0; i < round % 7; ++i) {
      std::size_t lost = 0;
      cr_assert(queue.pop(kStart, pace_for({}), lost));
    }
    if (round % 2 == 0) queue.clear();
    cr_assert(round % 2 != 0 || (queue.empty() && queue.bytes() == 0));
  }
  cr_assert_eq(pool.free_slots(), 8u);
  for (std::uint64_t i = 0; i < 20; ++i) cr_assert_not(flows.find(i));
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

Test(flow_queue, a_standing_queue_of_plain_packets_loses_some) {
  Queue q(400);
  std::mt19937 random(10);
  const Raw p = packet(random, 3000);
  TimePoint now = kStart;
  std::size_t in = 0, out = 0;
  // Two come in for one that goes out, for a second; then the rest goes out.
  for (int i = 0; i < 200; ++i, now += 10ms) {
    for (int k = 0; k < (i < 100 ? 2 : 0); ++k) in += q.put(p, 1, now) == Drop::none ? 1 : 0;
    out += q.pop(now) ? 1 : 0;
  }
  cr_assert_gt(q.lost, 5u);
  cr_assert_lt(q.lost, 100u);
  cr_assert_eq(out + q.lost, in);
  cr_assert(q.queue.empty());
}

Test(flow_queue, a_flow_that_always_has_something_waiting_for_a_moment_loses_nothing) {
  Queue q(8);
  std::mt19937 random(21);
  cr_assert(q.put(packet(random, 3000)) == Drop::none);
  for (TimePoint now = kStart; now < kStart + 2s; now += 5ms) {
    cr_assert(q.put(packet(random, 3000), 1, now) == Drop::none);
    cr_assert(q.pop(now));
  }
  cr_assert_eq(q.lost, 0u);
}

Test(flow_queue, the_last_that_waits_is_not_lost) {
  Queue q(8);
  std::mt19937 random(19);
  for (TimePoint now = kStart; now < kStart + 60s; now += 2s) {
    for (int i = 0; i < 2; ++i) cr_assert(q.put(packet(random, 3000), 1, now) == Drop::none);
    cr_assert(q.pop(now + 1s));
    cr_assert(q.pop(now + 1200ms));
  }
  cr_assert_eq(q.lost, 0u);
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
