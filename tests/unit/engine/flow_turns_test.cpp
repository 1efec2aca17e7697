// SPDX-License-Identifier: ISC
// Which flow is next, and which one pays.

#include <map>

#include "tests/unit/engine/flow_queue_fixture.h"

namespace vpnd::engine {
namespace {

Test(flow_turns, a_flow_that_sends_little_does_not_wait_for_one_that_sends_much) {
  Queue q(64);
  std::mt19937 random(5);
  for (int i = 0; i < 20; ++i) cr_assert(q.put(packet(random, 9000), 1) == Drop::none);
  cr_assert_eq(packets_of(q.pop()).front().size(), 9000u);
  cr_assert(q.put(packet(random, 84), 2) == Drop::none);
  const bool next = packets_of(q.pop()).front().size() == 84;
  cr_assert(next || packets_of(q.pop()).front().size() == 84);
}

// Packets of these sizes come next, one a record.
void next_are(Queue& q, const std::vector<std::size_t>& sizes) {
  for (const std::size_t size : sizes) cr_assert_eq(packets_of(q.pop()).front().size(), size);
}

Test(flow_turns, a_turn_is_eight_kilobytes) {
  Queue q(64);
  std::mt19937 random(15);
  for (int i = 0; i < 10; ++i) cr_assert(q.put(packet(random, 9000), 1) == Drop::none);
  next_are(q, {9000});
  for (std::size_t size = 2501; size <= 2505; ++size) {
    cr_assert(q.put(packet(random, size), 2) == Drop::none);
  }
  next_are(q, {2501, 2502, 2503, 2504, 9000, 2505});
  for (std::size_t size = 2601; size <= 2605; ++size) {
    cr_assert(q.put(packet(random, size), 3) == Drop::none);
    cr_assert(q.put(packet(random, size + 100), 4) == Drop::none);
  }
  next_are(q, {2601, 2602, 2603, 2604, 2701, 2702, 2703, 2704});
  // What takes exactly so much has had its turn.
  q.queue.clear();
  for (int i = 0; i < 2; ++i) cr_assert(q.put(packet(random, 8 * 1024 - 6), 3) == Drop::none);
  for (int i = 0; i < 2; ++i) cr_assert(q.put(packet(random, 8 * 1024 - 7), 4) == Drop::none);
  next_are(q, {8186, 8185, 8185, 8186});
}

Test(flow_turns, new_flows_alone_need_no_old_one) {
  Queue q(64);
  std::mt19937 random(16);
  for (std::uint64_t flow = 0; flow < 60; ++flow) {
    cr_assert(q.put(packet(random, 3000), flow) == Drop::none);
  }
  for (int i = 0; i < 60; ++i) cr_assert(q.pop(), "%d", i);
  cr_assert(q.queue.empty());
}

Test(flow_turns, a_cleared_queue_is_like_another) {
  Queue q(64);
  std::mt19937 random(17);
  for (std::uint64_t flow = 0; flow < 60; ++flow) {
    cr_assert(q.put(packet(random, 3000), flow) == Drop::none);
  }
  for (int i = 0; i < 40; ++i) cr_assert(q.pop());  // so that an old one would be due
  q.queue.clear();
  for (int i = 0; i < 3; ++i) cr_assert(q.put(packet(random, 9000), 1) == Drop::none);
  cr_assert(q.put(packet(random, 3000), 2) == Drop::none);
  next_are(q, {9000, 3000, 9000});
}

Test(flow_turns, flows_with_much_to_send_share_by_bytes) {
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

Test(flow_turns, any_number_of_new_flows_leaves_the_old_ones_their_turn) {
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

Test(flow_turns, the_flow_with_most_pays_for_all) {
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

Test(flow_turns, most_is_what_waits_at_that_moment) {
  std::mt19937 random(18);
  {  // many small packets in one record
    Queue q(64);
    cr_assert(q.put(packet(random, 2500), 1) == Drop::none);
    for (int i = 0; i < 30; ++i) cr_assert(q.put(packet(random, 100), 2) == Drop::none);
    cr_assert_eq(q.queue.shed(), 30u);
  }
  for (const int sent :
       {2, 5}) {  // one that has sent much, and has more waiting than the other or less
    Queue q(64);
    for (int i = 0; i < 6; ++i) cr_assert(q.put(packet(random, 9000), 1) == Drop::none);
    for (int i = 0; i < sent; ++i) cr_assert(q.pop());
    for (int i = 0; i < 2; ++i) cr_assert(q.put(packet(random, 6000), 2) == Drop::none);
    const std::size_t before = q.queue.bytes();
    cr_assert_eq(q.queue.shed(), 1u);
    cr_assert_eq(before - q.queue.bytes(), sent == 2 ? 9006u : 6006u);
  }
}

Test(flow_turns, who_pays_with_all_leaves_the_others_where_they_were) {
  std::mt19937 random(20);
  for (const std::uint64_t fat : {1u, 2u, 3u}) {
    Queue q(8);
    for (std::uint64_t flow = 1; flow <= 3; ++flow) {
      cr_assert(q.put(packet(random, flow == fat ? 9000 : 3000 + flow), flow) == Drop::none);
    }
    cr_assert_eq(q.queue.shed(), 1u);
    for (std::uint64_t flow = 1; flow <= 3; ++flow) {
      if (flow != fat) next_are(q, {3000 + flow});
    }
    cr_assert(q.queue.empty());
    cr_assert_not(q.pop());
  }
}

}  // namespace
}  // namespace vpnd::engine
