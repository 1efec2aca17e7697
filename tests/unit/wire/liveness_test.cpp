// SPDX-License-Identifier: ISC
#include "core/wire/liveness.h"

#include <criterion/criterion.h>

#include "tests/support/channel_pair.h"

using namespace vpnd;
using namespace vpnd::wire;
using namespace vpnd::test;

namespace {

constexpr PingId kId{1, 2, 3, 4, 5, 6, 7, 8};

Liveness answered_at(TimePoint now, Duration keepalive = 10s) {
  Liveness l(keepalive, now);
  l.asked(now);
  l.heard();
  return l;
}

}  // namespace

Test(liveness, asks_at_once_and_then_each_keepalive) {
  Liveness l(10s, at(0s));
  cr_assert(l.ping_due(at(0s)), "the first PING measures the round trip");
  l.asked(at(0s));
  l.heard();
  cr_assert_not(l.ping_due(at(9999ms)));
  cr_assert(l.ping_due(at(10s)));
  cr_assert(l.next_deadline() == at(10s));
}

Test(liveness, asks_after_a_second_with_data_outstanding) {
  Liveness l = answered_at(at(0s));
  l.sent_data(at(5s));
  l.sent_data(at(5900ms));
  cr_assert_not(l.ping_due(at(5999ms)));
  cr_assert(l.ping_due(at(6s)));
  l.heard();
  cr_assert_not(l.ping_due(at(6s)), "nothing is outstanding any more");
}

Test(liveness, asks_each_second_until_something_comes) {
  Liveness l = answered_at(at(0s));
  l.asked(at(10s));
  cr_assert_not(l.ping_due(at(10999ms)));
  cr_assert(l.ping_due(at(11s)));
  l.asked(at(11s));
  cr_assert_not(l.ping_due(at(11999ms)));
  cr_assert(l.ping_due(at(12s)));
}

Test(liveness, dead_three_seconds_after_the_first_unanswered_ping) {
  Liveness l = answered_at(at(0s));
  cr_assert_not(l.dead(at(1000s)), "nobody was asked");
  l.asked(at(10s));
  l.asked(at(11s));
  l.asked(at(12s));
  cr_assert_not(l.dead(at(12999ms)));
  cr_assert(l.dead(at(13s)));
  l.heard();
  cr_assert_not(l.dead(at(13s)));
}

Test(liveness, a_keepalive_of_zero_is_no_flood) {
  Liveness l = answered_at(at(0s), Duration{});
  cr_assert_not(l.ping_due(at(999ms)));
  cr_assert(l.ping_due(at(1s)));
}

Test(liveness, round_trip_is_smoothed) {
  Liveness l(10s, at(0s));
  cr_assert(l.rtt() == Duration{} && l.rtt_min() == Duration{});
  l.sealed(kId, at(0s));
  cr_assert(l.answered(kId, at(80ms)));
  cr_assert(l.rtt() == 80ms);
  l.sealed(kId, at(1s));
  cr_assert(l.answered(kId, at(1160ms)));
  cr_assert(l.rtt() == 90ms);
  cr_assert(l.rtt_min() == 80ms);
  l.sealed(kId, at(2s));
  cr_assert(l.answered(kId, at(2030ms)));
  cr_assert(l.rtt_min() == 30ms);
}

Test(liveness, an_answer_counts_once_and_only_to_a_question) {
  Liveness l(10s, at(0s));
  cr_assert_not(l.answered({}, at(1s)), "no PING had the id of an empty slot");
  l.sealed(kId, at(0s));
  cr_assert_not(l.answered({9}, at(1s)));
  cr_assert(l.answered(kId, at(1s)));
  cr_assert_not(l.answered(kId, at(2s)));
}

Test(channel_liveness, a_silent_peer_is_dead_four_seconds_after_data) {
  Pair p;
  p.confirmed();
  (void)p.client.channel.tick(at(0s));
  p.settle(at(0s));
  (void)p.client.data({1}, at(2s));
  TimePoint now = at(2s);
  int pings = 0;
  while (p.client.channel.tick(now) == Channel::Health::alive) {
    pings += p.client.control(now).empty() ? 0 : 1;
    cr_assert(p.client.channel.next_deadline() > now, "a deadline must not stand still");
    now = p.client.channel.next_deadline();
    cr_assert(now < at(100s));
  }
  cr_assert(now == at(6s));
  cr_assert_eq(pings, 3);
}

Test(channel_liveness, a_dead_path_is_seen_though_nothing_can_be_written) {
  Pair p;
  p.confirmed();
  (void)p.client.channel.tick(at(0s));
  cr_assert(p.client.channel.tick(at(2999ms)) == Channel::Health::alive);
  cr_assert(p.client.channel.tick(at(3s)) == Channel::Health::dead);
}

Test(channel_liveness, part_of_a_record_is_a_sign_of_life) {
  Pair p;
  p.confirmed();
  const Buffer record = p.client.data(Buffer(100));
  (void)p.server.channel.tick(at(0s));
  Buffer part(record.begin(), record.begin() + 20);
  (void)p.server.hear(part, at(2s));
  (void)p.server.channel.tick(at(2s));
  cr_assert(p.server.channel.tick(at(4s)) == Channel::Health::alive);
  (void)p.server.hear(part, at(4s));  // no new byte
  (void)p.server.channel.tick(at(5s));
  (void)p.server.channel.tick(at(12s));
  cr_assert(p.server.channel.tick(at(15s)) == Channel::Health::dead);
}

Test(channel_liveness, ping_and_pong_measure_the_round_trip) {
  Pair p;
  p.confirmed();
  (void)p.client.channel.tick(at(0s));
  (void)p.server.hear(p.client.control(at(1s)), at(1s));
  const Heard h = p.client.hear(p.server.control(at(1s)), at(1050ms));
  cr_assert(h.has(Event::pong));
  cr_assert(p.client.channel.rtt() == 50ms);
}

Test(channel_liveness, a_server_asks_nothing_before_confirm) {
  Pair p;
  cr_assert(p.server.channel.tick(at(60s)) == Channel::Health::alive);
  cr_assert_not(p.server.channel.control_pending());
}
