// SPDX-License-Identifier: ISC
// Properties of a conversation: chunking does not matter, corruption is never delivered, and every
// order of SWITCHes leaves both ends in the same epoch.

#include <criterion/criterion.h>

#include "tests/support/channel_pair.h"

using namespace vpnd;
using namespace vpnd::wire;
using namespace vpnd::test;

namespace {

Heard hear_cut(End& end, const Buffer& stream, std::size_t cut) {
  Buffer first(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(cut));
  Heard h = end.hear(first);
  const Buffer left(first.end() - static_cast<std::ptrdiff_t>(h.left), first.end());
  Heard rest =
      end.hear(left + Buffer(stream.begin() + static_cast<std::ptrdiff_t>(cut), stream.end()));
  rest.events.insert(rest.events.begin(), h.events.begin(), h.events.end());
  rest.data.insert(rest.data.begin(), h.data.begin(), h.data.end());
  return rest;
}

}  // namespace

Test(channel_property, the_stream_may_be_split_at_every_byte) {
  Pair sample;
  const Buffer confirm = sample.client.control();
  const Buffer one = sample.client.data({1, 2, 3}), two = sample.client.data(Buffer(40, 9));
  const Buffer stream = confirm + one + two;
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    Pair p;
    const Heard h = hear_cut(p.server, stream, cut);
    cr_assert(h.events == (std::vector{Event::confirmed, Event::data, Event::data}), "cut %zu",
              cut);
    cr_assert(h.data == (Buffers{Buffer{1, 2, 3}, Buffer(40, 9)}));
  }
}

Test(channel_property, byte_by_byte) {
  Pair p;
  const Buffer confirm = p.client.control(), record = p.client.data({5, 6});
  const Buffer stream = confirm + record;
  Buffer pending;
  std::size_t whole = 0;
  for (const std::uint8_t b : stream) {
    pending.push_back(b);
    const Heard h = p.server.hear(pending);
    cr_assert_not(h.has(Event::failed));
    whole += h.events.size();
    pending.erase(pending.begin(), pending.end() - static_cast<std::ptrdiff_t>(h.left));
  }
  cr_assert_eq(whole, 2u);
}

Test(channel_property, any_flipped_byte_fails_and_delivers_nothing) {
  Pair sample;
  const Buffer confirm = sample.client.control(), record = sample.client.data(Buffer(30, 9));
  const Buffer filler(0x20100, 0);  // so that a length made longer has its body
  for (std::size_t i = 0; i < record.size(); ++i) {
    for (const std::size_t bit : {0u, 3u, 7u}) {
      Pair p;
      cr_assert(p.server.hear(confirm).has(Event::confirmed));
      const Heard h = p.server.hear(flipped(record, i, bit) + filler);
      cr_assert(h.has(Event::failed), "byte %zu", i);
      cr_assert_not(h.has(Event::data) || h.has(Event::closed));
      cr_assert_not(p.server.channel.may_send_data());
    }
  }
}

Test(channel_property, records_dropped_repeated_or_swapped_fail) {
  Pair sample;
  const Buffer confirm = sample.client.control();
  const Buffer a = sample.client.data({1}), b = sample.client.data({2});
  for (const Buffer& stream : {confirm + b, confirm + b + a, confirm + a + a}) {
    Pair p;
    const Heard h = p.server.hear(stream);
    cr_assert(h.has(Event::failed));
    cr_assert(h.drop == Drop::bad_tag || h.drop == Drop::bad_header || h.drop == Drop::too_large);
    cr_assert_leq(h.data.size(), 1u);
    cr_assert(h.data.empty() || h.data[0] == Buffer{1});
  }
  Pair p;
  cr_assert(p.server.hear(a + confirm).has(Event::failed));
}

namespace {

// One step of a conversation under small limits. Bytes lie in the two streams until delivered.
struct Talk {
  Pair pair;
  Buffer up, down;  // on the way to the server, to the client
  std::vector<Buffer> sent_up, sent_down, got_up, got_down;
  std::uint8_t next = 0;

  explicit Talk(const ChannelLimits& limits) : pair(limits) { pair.confirmed(); }

  void flush() {
    up = up + pair.client.control();
    down = down + pair.server.control();
  }
  void say(bool client) {
    flush();
    const Buffer plain(60, ++next);
    (client ? sent_up : sent_down).push_back(plain);
    Buffer& wire = client ? up : down;
    wire = wire + (client ? pair.client : pair.server).data(plain);
  }
  void deliver(bool to_server, std::size_t bytes) {
    Buffer& wire = to_server ? up : down;
    const auto n = static_cast<std::ptrdiff_t>(std::min(bytes, wire.size()));
    Buffer& tail = to_server ? held_up : held_down;
    const Buffer chunk = tail + Buffer(wire.begin(), wire.begin() + n);
    wire.erase(wire.begin(), wire.begin() + n);
    const Heard h = (to_server ? pair.server : pair.client).hear(chunk);
    cr_assert_not(h.has(Event::failed), "%s", std::string(name(h.drop)).c_str());
    auto& got = to_server ? got_up : got_down;
    got.insert(got.end(), h.data.begin(), h.data.end());
    tail.assign(chunk.end() - static_cast<std::ptrdiff_t>(h.left), chunk.end());
  }
  void finish() {
    for (int i = 0; i < 20; ++i) {
      flush();
      deliver(true, up.size());
      deliver(false, down.size());
    }
    cr_assert(got_up == sent_up && got_down == sent_down);
    cr_assert(pair.talks());
  }

 private:
  Buffer held_up, held_down;
};

}  // namespace

// Epochs of 4 KiB, records of 60 bytes and deliveries of any size: REKEY1, REKEY2, SWITCH(0) and
// SWITCH(1) of both directions meet in any order.
Test(channel_property, any_interleaving_of_switches_keeps_both_ends_together) {
  std::uint64_t rekeys = 0, ratchets = 0;
  for (std::uint32_t seed = 1; seed <= 150; ++seed) {
    ChannelLimits limits;
    limits.epoch_bytes = 200 + seed;
    Talk talk(limits);
    std::uint32_t x = seed * 7919;
    for (int step = 0; step < 200; ++step) {
      x = x * 1664525u + 1013904223u;
      const unsigned choice = (x >> 16) % 5;
      if (choice == 0 && (x >> 28) == 0) talk.pair.client.channel.request_rekey(at(0s));
      if (choice == 1 || choice == 2) talk.say(choice == 1);
      if (choice >= 3) talk.deliver(choice == 3, (x >> 20) % 400);
    }
    talk.finish();
    cr_assert_eq(talk.pair.client.channel.rekeys(), talk.pair.server.channel.rekeys());
    cr_assert_eq(talk.pair.client.channel.ratchets(), talk.pair.server.channel.ratchets());
    rekeys += talk.pair.client.channel.rekeys();
    ratchets += talk.pair.client.channel.ratchets();
  }
  cr_assert_gt(rekeys, 500u, "the limits must bite, or nothing was tested");
  cr_assert_gt(ratchets, 500u);
}
