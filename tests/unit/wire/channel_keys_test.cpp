// SPDX-License-Identifier: ISC
// Re-keying inside a channel: what starts it, what each moment allows, and what ends a session.

#include <criterion/criterion.h>

#include "tests/support/channel_pair.h"

using namespace vpnd;
using namespace vpnd::wire;
using namespace vpnd::test;

namespace {

// Gives the bytes of `key` when 32 are asked for, and ones otherwise: ephemeral keys are the only
// draws of that size.
Entropy fixed_ephemeral(const Value& v, const char* field) {
  const auto fixed = array<32>(v, field);
  return [fixed](MutBytes out) {
    std::ranges::fill(out, std::uint8_t{0xff});
    if (out.size() == fixed.size()) std::ranges::copy(fixed, out.begin());
  };
}

End end_of(const Value& v, bool client) {
  const char* field = client ? "client_ephemeral_secret" : "server_ephemeral_secret";
  return {Channel(Pair::params(client, {}, 0x1ffff), negotiated(v),
                  fixed_ephemeral(v.at("rekey"), field), at(0s))};
}

// Names what is read, to see that nothing but the expected control passed.
bool quiet(const Heard& h) {
  return std::ranges::all_of(h.events, [](Event e) { return e == Event::handled; });
}

ChannelLimits small(std::uint64_t epoch, std::uint64_t hard = kHardBytes) {
  ChannelLimits l;
  l.epoch_bytes = epoch;
  l.hard_bytes = hard;
  return l;
}

}  // namespace

// The records of the trace enter a Channel as they are; what the Channel says itself must go under
// the keys that the trace ends with.
Test(channel_keys, a_server_follows_the_trace) {
  for (const Value& v : stream_vectors()) {
    End server = end_of(v, false);
    SessionKeys other = session_keys(negotiated(v), true);
    for (const Value& r : v.at("interleaved").at("trace")) {
      if (text(r, "dir") != "c2s") continue;
      const Heard h = server.hear(bytes(r, "wire"));
      cr_assert_not(h.has(Event::failed), "%s", text(r, "what").c_str());
      cr_assert_eq(h.events.size(), 1u);
      if (text(r, "what").starts_with("data")) cr_assert(h.data[0] == bytes(r, "plaintext"));
      if (text(r, "what") == "REKEY1") {
        const Buffer said = server.control();
        cr_assert_eq(said.size(), 4 + 49 + other.receiving.tag() + 4 + 2 + other.receiving.tag());
      }
    }
    cr_assert_eq(server.channel.rekeys(), 1u);
    cr_assert_eq(server.channel.ratchets(), 1u);
    cr_assert(server.channel.reason() == CloseReason::shutdown);
  }
}

Test(channel_keys, a_client_follows_the_trace) {
  for (const Value& v : stream_vectors()) {
    End client = end_of(v, true);
    client.channel.request_rekey(at(0s));
    (void)client.control();  // CONFIRM and REKEY1
    bool lease = false, config = false;
    for (const Value& r : v.at("interleaved").at("trace")) {
      if (text(r, "dir") != "s2c") continue;
      const Heard h = client.hear(bytes(r, "wire"));
      cr_assert_not(h.has(Event::failed), "%s", text(r, "what").c_str());
      lease = lease || h.has(Event::lease);
      config = config || h.has(Event::config);
      if (text(r, "what") == "SWITCH(1)") (void)client.control();
    }
    cr_assert(lease && config);
    cr_assert_eq(client.channel.rekeys(), 1u);
    cr_assert(client.channel.lease().client_v4.address == Address::v4(10, 64, 0, 3));
    const PushedConfig& c = client.channel.config();
    cr_assert_eq(c.resolvers.size(), 2u);
    cr_assert(c.domains == std::vector<std::string>{"corp.example"});
    cr_assert(c.routes == std::vector{*Prefix::parse("10.80.0.0/16")});
    cr_assert(client.channel.control_pending(), "PONG asked for another re-key");
  }
}

// Two Channels with the ephemerals of the vectors write REKEY1, REKEY2 and SWITCH(1) as there.
Test(channel_keys, two_channels_write_the_records_of_the_vectors) {
  for (const Value& v : stream_vectors()) {
    End client = end_of(v, true), server = end_of(v, false);
    (void)server.hear(client.control());
    client.channel.request_rekey(at(0s));
    const Buffer rekey1 = client.control();
    cr_assert(quiet(server.hear(rekey1)));
    const Buffer answer = server.control();
    SessionKeys keys = session_keys(negotiated(v), true);
    Buffer body = answer;
    const auto h = keys.receiving.peek(std::span(body).first<4>());
    cr_assert(h && keys.receiving.open(*h, MutBytes(body).subspan(4, 49 + keys.receiving.tag())));
    cr_assert(hex(Bytes(body).subspan(5, 48)) == text(v.at("rekey"), "msg2"));
    cr_assert(quiet(client.hear(answer)));
    cr_assert(quiet(server.hear(client.control())));
    const Buffer hello{'h', 'e', 'l', 'l', 'o', ' ', 'v', 'p', 'n', 'd'};
    cr_assert(hex(client.data(hello)) == text(v.at("rekey"), "record0_c2s"));
    cr_assert(hex(server.data(hello)) == text(v.at("rekey"), "record0_s2c"));
  }
}

Test(channel_keys, a_rekey_takes_two_messages_and_two_switches) {
  Pair p;
  p.confirmed();
  p.client.channel.request_rekey(at(0s));
  cr_assert(p.client.channel.control_pending());
  p.settle();
  cr_assert_eq(p.client.channel.rekeys(), 1u);
  cr_assert_eq(p.server.channel.rekeys(), 1u);
  cr_assert(p.talks());
  p.client.channel.request_rekey(at(0s));
  p.settle();
  cr_assert_eq(p.server.channel.rekeys(), 2u);
  cr_assert(p.talks());
}

Test(channel_keys, data_flows_between_the_messages_of_a_rekey) {
  Pair p;
  p.confirmed();
  p.client.channel.request_rekey(at(0s));
  const Buffer rekey1 = p.client.control();
  cr_assert(p.client.hear(p.server.data({1})).data == Buffers{{1}});
  cr_assert(quiet(p.server.hear(rekey1)));
  cr_assert(p.talks());  // REKEY2 is pending
  const Buffer answer = p.server.control();
  const Buffer after = p.server.data({2});  // under the new keys already
  cr_assert(p.server.hear(p.client.data({3})).data == Buffers{{3}});
  cr_assert(p.client.hear(answer + after).data == Buffers{{2}});
  p.settle();
  cr_assert_eq(p.server.channel.rekeys(), 1u);
  cr_assert(p.talks());
}

Test(channel_keys, time_starts_a_rekey) {
  ChannelLimits limits;
  Pair p(limits);
  p.confirmed();
  (void)p.client.channel.tick(at(107s));
  p.settle(at(107s));
  cr_assert_eq(p.client.channel.rekeys(), 0u, "a tenth less than 120 s is not over");
  (void)p.client.channel.tick(at(133s));
  p.settle(at(133s));
  cr_assert_eq(p.client.channel.rekeys(), 1u);
}

Test(channel_keys, clients_do_not_rekey_in_step) {
  std::vector<Duration> waits;
  for (std::uint8_t seed = 0; seed < 30; ++seed) {
    crypto::init();
    const Entropy entropy = counting_entropy(seed);
    const Renewal r(session_keys(negotiated(), true), true, {}, entropy, at(0s));
    waits.push_back(r.next_deadline() - at(0s));
  }
  const auto [low, high] = std::ranges::minmax(waits);
  cr_assert_geq(low, 108s);
  cr_assert_leq(high, 132s);
  cr_assert_gt(high - low, 12s);
}

Test(channel_keys, bytes_in_either_direction_start_a_rekey) {
  for (const bool up : {true, false}) {
    Pair p(small(1000));
    p.confirmed();
    End& from = up ? p.client : p.server;
    End& to = up ? p.server : p.client;
    for (int i = 0; i < 9; ++i) (void)to.hear(from.data(Buffer(70)));
    cr_assert_eq(p.client.channel.rekeys(), 0u);
    p.settle();
    cr_assert_eq(p.client.channel.rekeys(), 0u);
    for (int i = 0; i < 9; ++i) (void)to.hear(from.data(Buffer(70)));
    p.settle();
    cr_assert_eq(p.client.channel.rekeys(), 1u, "up %d", up);
    cr_assert(p.talks());
  }
}

Test(channel_keys, records_start_a_rekey) {
  ChannelLimits limits;
  limits.epoch_records = 50;
  Pair p(limits);
  p.confirmed();
  for (int i = 0; i < 60; ++i) (void)p.server.hear(p.client.data({1}));
  p.settle();
  cr_assert_eq(p.client.channel.rekeys(), 1u);
}

Test(channel_keys, an_epoch_over_its_limit_ratchets_while_rekey2_is_awaited) {
  Pair p(small(1000));
  p.confirmed();
  for (int i = 0; i < 10; ++i) (void)p.server.hear(p.client.data(Buffer(100)));
  const Buffer rekey1 = p.client.control();
  const Buffer more = p.client.control();  // SWITCH(0): the epoch is over and nobody answered
  cr_assert_eq(p.client.channel.ratchets(), 1u);
  const Buffer data = p.client.data({9});
  const Heard h = p.server.hear(rekey1 + more + data);
  cr_assert(h.data == Buffers{{9}});
  cr_assert_eq(p.server.channel.ratchets(), 1u);
  p.settle();
  cr_assert_eq(p.server.channel.rekeys(), 1u);
  cr_assert(p.talks());
}

Test(channel_keys, a_server_asks_by_pong) {
  Pair p;
  p.confirmed();
  p.server.channel.request_rekey(at(0s));
  cr_assert_not(p.server.channel.control_pending(), "only the client may start");
  (void)p.client.channel.tick(at(11s));
  p.settle(at(11s));
  cr_assert_eq(p.client.channel.rekeys(), 1u);
  (void)p.client.channel.tick(at(22s));
  p.settle(at(22s));
  cr_assert_eq(p.client.channel.rekeys(), 1u, "asked once");
}

Test(channel_keys, no_second_rekey1_until_both_have_switched) {
  Pair p;
  p.confirmed();
  p.client.channel.request_rekey(at(0s));
  const Buffer one = p.client.control();
  p.client.channel.request_rekey(at(0s));
  cr_assert_not(p.client.channel.control_pending());
  (void)p.server.hear(one);
  p.settle();
  cr_assert_eq(p.client.channel.rekeys(), 1u);
}

namespace {

// A server that has read CONFIRM, and a client of bare keys.
struct Against {
  Pair p;
  Puppet puppet;
  bool server;
  explicit Against(bool against_server) : puppet(against_server), server(against_server) {
    if (server) (void)p.server.hear(puppet.say(Op::confirm));
    if (!server) (void)puppet.understand(p.client.control());
  }
  End& end() { return server ? p.server : p.client; }
  void refuses(const Buffer& record, const char* what) {
    const Heard h = end().hear(record);
    cr_assert(h.drop == Drop::bad_control, "%s", what);
    cr_assert_not(h.has(Event::data));
    const auto said = puppet.understand(end().control());
    cr_assert_eq(said.size(), 1u, "%s", what);
    cr_assert(said[0] == Buffer({1, 7, 4}), "CLOSE(protocol) after %s", what);
    cr_assert_not(end().channel.may_send_data());
  }
};

struct Wrong {
  const char* what;
  bool to_server;
  std::uint8_t op;
  std::size_t body;  // zeros
};

const Wrong kWrong[] = {
    {"CONFIRM to a client", false, 1, 0},
    {"a PING too short", true, 2, 8},
    {"a PING too short", false, 2, 8},
    {"a PONG too short", true, 3, 8},
    {"a PONG too short", false, 3, 8},
    {"REKEY1 to a client", false, 4, 48},
    {"REKEY1 too short", true, 4, 47},
    {"REKEY1 too long", true, 4, 49},
    {"REKEY1 that does not verify", true, 4, 48},
    {"REKEY2 to a server", true, 5, 48},
    {"REKEY2 unasked for", false, 5, 48},
    {"SWITCH without a kind", true, 6, 0},
    {"SWITCH too long", false, 6, 2},
    {"CLOSE without a reason", true, 7, 0},
    {"CLOSE too long", false, 7, 2},
    {"LEASE to a server", true, 9, 112},
    {"LEASE too short", false, 9, 111},
    {"LEASE too long", false, 9, 113},
    {"CONFIG to a server", true, 10, 0},
    {"CONFIG cut off", false, 10, 2},
    {"op 0", true, 0, 0},
    {"op 11", false, 11, 0},
    {"op 127", true, 127, 5},
};

}  // namespace

Test(channel_keys, wrong_length_direction_or_moment_closes) {
  for (const Wrong& w : kWrong) {
    Against a(w.to_server);
    a.refuses(a.puppet.say(static_cast<Op>(w.op), Buffer(w.body)), w.what);
  }
  for (const bool to_server : {true, false}) {
    Against empty(to_server);
    empty.refuses(empty.puppet.record(RecordType::control, {}), "no op at all");
    Against dh(to_server);
    dh.refuses(dh.puppet.say(Op::switch_epoch, {1}), "SWITCH(1) without a re-key");
    Against unknown(to_server);
    unknown.refuses(unknown.puppet.say(Op::switch_epoch, {2}), "SWITCH(2)");
  }
}

Test(channel_keys, ops_from_128_and_padding_are_ignored) {
  for (const bool to_server : {true, false}) {
    Against a(to_server);
    cr_assert(quiet(a.end().hear(a.puppet.say(static_cast<Op>(128)))));
    cr_assert(quiet(a.end().hear(a.puppet.say(static_cast<Op>(255), Buffer(5000)))));
    cr_assert(quiet(a.end().hear(a.puppet.say(Op::pad, Buffer(300)))));
    cr_assert(a.end().hear(a.puppet.send({1})).has(Event::data));
    cr_assert_not(a.end().channel.control_pending());
  }
}

Test(channel_keys, nothing_but_switch_may_follow_rekey2) {
  using Say = std::function<Buffer(Puppet&)>;
  const Say says[] = {[](Puppet& s) { return s.send({1}); },
                      [](Puppet& s) { return s.say(Op::pad); },
                      [](Puppet& s) { return s.say(static_cast<Op>(200)); },
                      [](Puppet& s) { return s.say(Op::switch_epoch, {0}); }};
  for (const Say& say : says) {
    Against a(false);
    a.p.client.channel.request_rekey(at(0s));
    const auto said = a.puppet.understand(a.p.client.control());
    cr_assert(said.size() == 1 && said[0].size() == 50 && said[0][1] == 4);
    Rekey r = Rekey::respond(a.puppet.keys.rekey_secret, a.puppet.keys.hash);
    cr_assert(r.read_first(Bytes(said[0]).subspan(2), a.puppet.keys.rekey_secret.clone()));
    const Buffer rekey2 = a.puppet.say(Op::rekey2, Buffer(r.message().begin(), r.message().end()));
    cr_assert(quiet(a.p.client.hear(rekey2)));
    const Heard h = a.p.client.hear(say(a.puppet));
    cr_assert(h.drop == Drop::bad_control);
    cr_assert_not(h.has(Event::data));
  }
}

Test(channel_keys, a_server_that_has_not_answered_refuses_switch_and_rekey1) {
  for (const bool again : {true, false}) {
    Against a(true);
    const Rekey r = Rekey::initiate(a.puppet.keys.rekey_secret, a.puppet.keys.hash,
                                    a.puppet.keys.rekey_secret.clone());
    const Buffer rekey1(r.message().begin(), r.message().end());
    cr_assert(quiet(a.p.server.hear(a.puppet.say(Op::rekey1, rekey1))));
    const Buffer next =
        again ? a.puppet.say(Op::rekey1, rekey1) : a.puppet.say(Op::switch_epoch, {1});
    cr_assert(a.p.server.hear(next).drop == Drop::bad_control);
  }
}

Test(channel_keys, the_hard_stop_counts_from_the_last_rekey) {
  Pair p;
  p.confirmed();
  p.client.channel.request_rekey(at(300s));
  p.settle(at(300s));
  cr_assert(p.talks(at(899s)));
  (void)p.server.data({1}, at(900s), Drop::key_spent);
  cr_assert(p.server.channel.tick(at(900s)) == Channel::Health::dead);
  const Heard h = p.client.hear(p.server.control(at(900s)), at(900s));
  cr_assert(h.has(Event::closed));
  cr_assert(p.client.channel.reason() == CloseReason::key_limit);
}

Test(channel_keys, a_ratchet_does_not_put_the_hard_stop_off) {
  Against a(true);
  cr_assert(quiet(a.p.server.hear(a.puppet.say(Op::switch_epoch, {0}), at(599s))));
  cr_assert_eq(a.p.server.channel.ratchets(), 1u);
  cr_assert(a.p.server.channel.tick(at(600s)) == Channel::Health::dead);
}

Test(channel_keys, hard_bytes_end_a_session_from_either_side) {
  Pair p(small(kEpochBytes, 1000));
  p.confirmed();
  for (int i = 0; i < 9; ++i) cr_assert(p.client.hear(p.server.data(Buffer(100))).data.size() == 1);
  (void)p.server.data(Buffer(101), at(0s), Drop::key_spent);
  cr_assert(p.server.channel.control_pending(), "CLOSE(key limit)");
  cr_assert_not(p.server.channel.may_send_data());
  cr_assert(p.server.channel.tick(at(0s)) == Channel::Health::dead);
}

Test(channel_keys, hard_bytes_are_enforced_on_what_is_read) {
  Pair p(small(kEpochBytes, 1000));
  Puppet client(true);
  (void)p.server.hear(client.say(Op::confirm));
  for (int i = 0; i < 9; ++i) cr_assert(p.server.hear(client.send(Buffer(100))).has(Event::data));
  const Heard h = p.server.hear(client.send(Buffer(120)));
  cr_assert(h.drop == Drop::key_spent);
  cr_assert_not(h.has(Event::data));
  const auto said = client.understand(p.server.control());
  cr_assert(said.size() == 1 && said[0] == Buffer({1, 7, 5}));
}
