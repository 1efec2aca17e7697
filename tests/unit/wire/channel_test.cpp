// SPDX-License-Identifier: ISC
#include "core/wire/channel.h"

#include <criterion/criterion.h>

#include "tests/support/channel_pair.h"

using namespace vpnd;
using namespace vpnd::wire;
using namespace vpnd::test;

Test(channel, nothing_moves_before_confirm) {
  Pair p;
  cr_assert(p.client.channel.control_pending());
  cr_assert_not(p.client.channel.may_send_data());
  cr_assert_not(p.server.channel.control_pending(), "a server is silent until CONFIRM");
  cr_assert_not(p.server.channel.may_send_data());
  (void)p.client.data({1}, at(0s), Drop::no_session);
  (void)p.server.data({1}, at(0s), Drop::no_session);
}

Test(channel, confirm_opens_both_sides) {
  Pair p;
  const Buffer confirm = p.client.control();
  cr_assert(p.client.channel.may_send_data());
  const Heard h = p.server.hear(confirm);
  cr_assert_eq(h.events.size(), 1u);
  cr_assert(h.has(Event::confirmed));
  cr_assert(p.server.channel.may_send_data());
  cr_assert(p.talks());
}

Test(channel, data_may_follow_confirm_in_the_same_write) {
  Pair p;
  const Buffer confirm = p.client.control();
  const Heard h = p.server.hear(confirm + p.client.data({7, 7}));
  cr_assert_eq(h.events.size(), 2u);
  cr_assert((h.data == Buffers{{7, 7}}));
}

Test(channel, confirm_is_padded_with_a_random_number_of_bytes) {
  std::vector<std::size_t> sizes;
  for (std::uint8_t seed = 0; seed < 40; ++seed) {
    End e{Channel(Pair::params(true, {}, 0x1ffff), negotiated(), counting_entropy(seed), at(0s))};
    sizes.push_back(e.control().size());
  }
  const auto [low, high] = std::ranges::minmax(sizes);
  cr_assert_gt(high, low + 100);
  cr_assert_geq(low, 4u + 1 + usual_tag());
  cr_assert_leq(high, 4u + 256 + usual_tag());
}

Test(channel, anything_but_confirm_first_is_refused_in_silence) {
  const auto first = [](const std::function<Buffer(Puppet&)>& say) {
    Pair p;
    Puppet client(true);
    const Heard h = p.server.hear(say(client));
    cr_assert(h.has(Event::failed) && h.drop == Drop::bad_control);
    cr_assert_not(h.has(Event::data));
    cr_assert_not(p.server.channel.control_pending(), "not even CLOSE");
  };
  first([](Puppet& c) { return c.send({1, 2, 3}); });
  first([](Puppet& c) { return c.say(Op::ping, Buffer(9)); });
  first([](Puppet& c) { return c.say(Op::pad); });
  first([](Puppet& c) { return c.say(Op::close, {1}); });
  first([](Puppet& c) { return c.say(static_cast<Op>(200)); });
}

Test(channel, confirm_twice_is_refused) {
  Pair p;
  Puppet client(true);
  cr_assert(p.server.hear(client.say(Op::confirm)).has(Event::confirmed));
  const Heard h = p.server.hear(client.say(Op::confirm));
  cr_assert(h.drop == Drop::bad_control);
  cr_assert(p.server.channel.control_pending(), "CLOSE(protocol) is due");
}

Test(channel, close_is_authenticated_and_the_last_word) {
  for (const CloseReason why :
       {CloseReason::shutdown, CloseReason::superseded, CloseReason::no_address,
        CloseReason::protocol, CloseReason::key_limit, CloseReason::revoked}) {
    Pair p;
    p.confirmed();
    p.server.channel.close(why);
    cr_assert_not(p.server.channel.may_send_data());
    const Buffer close = p.server.control();
    cr_assert_not(p.server.channel.control_pending());
    const Heard h = p.client.hear(close);
    cr_assert(h.has(Event::closed));
    cr_assert(p.client.channel.reason() == why);
    cr_assert_not(p.client.channel.may_send_data());
  }
}

Test(channel, the_first_reason_to_close_stands) {
  Pair p;
  p.confirmed();
  p.client.channel.close(CloseReason::shutdown);
  p.client.channel.close(CloseReason::protocol);
  (void)p.server.hear(p.client.control());
  cr_assert(p.server.channel.reason() == CloseReason::shutdown);
  p.client.channel.close(CloseReason::protocol);
  cr_assert_not(p.client.channel.control_pending(), "once");
}

Test(channel, a_client_that_closes_at_once_still_confirms_first) {
  Pair p;
  p.client.channel.close(CloseReason::shutdown);
  const Heard h = p.server.hear(p.client.control());
  cr_assert(h.events == (std::vector{Event::confirmed, Event::closed}));
}

Test(channel, unknown_close_reasons_are_read_as_shutdown) {
  for (const std::uint8_t code : ByteArray<3>{0, 7, 255}) {
    Pair p;
    Puppet server(false);
    (void)p.client.control();
    cr_assert(p.client.hear(server.say(Op::close, {code})).has(Event::closed));
    cr_assert(p.client.channel.reason() == CloseReason::shutdown);
  }
}

Test(channel, nothing_may_follow_close) {
  Pair p;
  Puppet server(false);
  (void)p.client.control();
  const Buffer close = server.say(Op::close, {1});
  const Heard h = p.client.hear(close + server.send({1}));
  cr_assert(h.has(Event::closed));
  cr_assert(h.has(Event::failed));
  cr_assert_not(h.has(Event::data));
}

Test(channel, ping_is_answered_with_its_id) {
  Pair p;
  Puppet client(true);
  (void)p.server.hear(client.say(Op::confirm));
  (void)p.server.hear(client.say(Op::ping, {1, 2, 3, 4, 5, 6, 7, 8, 0, 99, 98}));
  const auto said = client.understand(p.server.control());
  cr_assert_eq(said.size(), 1u);
  cr_assert(said[0] == Buffer({1, 3, 1, 2, 3, 4, 5, 6, 7, 8, 0}));
}

Test(channel, a_flood_of_pings_is_answered_a_few_times) {
  Pair p;
  Puppet client(true);
  Buffer flood = client.say(Op::confirm);
  for (int i = 0; i < 10'000; ++i) {
    const Buffer ping = client.say(Op::ping, Buffer(9));
    flood.insert(flood.end(), ping.begin(), ping.end());
  }
  (void)p.server.hear(flood);
  cr_assert_leq(p.server.control().size(), 5u * (4 + 10 + usual_tag()));
}

Test(channel, lease_reaches_the_client_whole) {
  Pair p;
  p.confirmed();
  Lease l;
  l.seconds = 3600;
  l.mtu = 1400;
  l.keepalive = 10;
  l.client_v4 = {Address::v4(10, 0, 0, 5), 24};
  l.server_v4 = Address::v4(10, 0, 0, 1);
  l.cookie[3] = 9;
  p.server.channel.send_lease(l);
  const Heard h = p.client.hear(p.server.control());
  cr_assert(h.events == std::vector<Event>{Event::lease});
  cr_assert(p.client.channel.lease().client_v4 == l.client_v4);
  cr_assert(p.client.channel.lease().cookie == l.cookie);
  cr_assert_eq(p.client.channel.lease().mtu, 1400);
}

Test(channel, a_client_sends_neither_lease_nor_config) {
  Pair p;
  p.confirmed();
  p.client.channel.send_lease({});
  p.client.channel.send_config({});
  cr_assert_not(p.client.channel.control_pending());
}

Test(channel, a_length_above_the_limit_is_refused_before_its_body_comes) {
  Pair p({}, 1000);
  Puppet client(true);
  (void)p.server.hear(client.say(Op::confirm));
  const Buffer fits = client.send(Buffer(1000));
  cr_assert(p.server.hear(fits).has(Event::data));
  Buffer longer = client.send(Buffer(1001));
  longer.resize(kRecordHeader);
  cr_assert_eq(p.server.channel.record_size(longer), 0u);
  cr_assert(p.server.hear(longer).drop == Drop::too_large);
  cr_assert_not(p.server.channel.control_pending(), "whoever flips bits learns nothing");
}

Test(channel, what_the_peer_does_not_take_is_not_sealed) {
  ChannelParams params = Pair::params(true, {}, 0x1ffff);
  params.send_limit = 100;
  End client{Channel(params, negotiated(), counting_entropy(1), at(0s))};
  (void)client.control();
  (void)client.data(Buffer(101), at(0s), Drop::too_large);
  (void)client.data(Buffer(100));
  Buffer tight(kRecordHeader + 10 + usual_tag() - 1);
  std::size_t size = 0;
  cr_assert(client.channel.seal_data(tight, 10, size, at(0s)) == Drop::too_large);
}

Test(channel, record_size_tells_how_much_to_wait_for) {
  Pair p;
  p.confirmed();
  const Buffer r = p.client.data(Buffer(500));
  cr_assert_eq(p.server.channel.record_size(Bytes(r).first(3)), 0u);
  cr_assert_eq(p.server.channel.record_size(Bytes(r).first(4)), r.size());
  cr_assert(p.server.hear(r).has(Event::data));
}

Test(channel, a_dead_channel_stays_dead) {
  Pair p;
  p.confirmed();
  const Buffer good = p.client.data({1});
  cr_assert(p.server.hear(flipped(good, good.size() - 1)).drop == Drop::bad_tag);
  cr_assert(p.server.hear(good).drop == Drop::bad_tag);
  cr_assert_not(p.server.channel.may_send_data());
  cr_assert_not(p.server.channel.control_pending());
  cr_assert(p.server.channel.tick(at(0s)) == Channel::Health::dead);
  cr_assert(p.server.channel.next_deadline() == kNever);
}
