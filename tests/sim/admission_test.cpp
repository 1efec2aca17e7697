// SPDX-License-Identifier: ISC
#include <criterion/criterion.h>

#include "tests/sim/world.h"

namespace vpnd::sim {
namespace {

using namespace std::chrono_literals;
using engine::ClientState;

const Address kFar = Address::v4(192, 0, 2, 7);

std::uint64_t drops(Host& h, Drop d) {
  return h.engine->counters().drops[static_cast<std::size_t>(d)];
}

Test(admission, the_same_identity_replaces_itself_and_the_older_one_stays_away) {
  Network net(1);
  Host& server = net.start_server(server_settings());
  Host& older = net.add_client(client_settings(1), outside(10));
  cr_assert(net.run_until([&] { return joined(net, older); }, 5s));
  Host& newer = net.add_client(client_settings(1), outside(20));
  cr_assert(net.run_until([&] { return joined(net, newer); }, 5s));
  net.run_for(200ms);
  cr_assert(older.state == ClientState::blocked);
  cr_assert(newer.lease.client_v4.address == older.lease.client_v4.address);
  cr_assert_eq(server.engine->report(net.now()).peers.size(), 1u);
  const Address v4 = newer.lease.client_v4.address;
  cr_assert(net.send(server, make_packet(kFar, v4, 1, 0, 100)) == Drop::none);
  cr_assert(net.send(older, make_packet(v4, kFar, 2, 0, 100)) == Drop::no_session);
  net.run_for(1s);
  cr_assert_eq(newer.tun.size(), 1u);
  cr_assert_eq(older.tun.size(), 0u);
}

Test(admission, two_holders_of_one_identity_do_not_evict_each_other_for_ever) {
  Network net(2);
  Host& server = net.start_server(server_settings());
  net.add_client(client_settings(1), outside(10));
  net.add_client(client_settings(1), outside(20));
  net.run_for(600s);
  // Each waits 60 to 90 s after it was replaced, so ten minutes see about ten changes, not 1,200.
  cr_assert_leq(server.engine->counters().handshakes, 14u);
  cr_assert_geq(server.engine->counters().handshakes, 4u);
}

Test(admission, with_max_clients_1_a_second_identity_is_busy) {
  Network net(3);
  engine::ServerSettings settings = server_settings();
  settings.max_clients = 1;
  Host& server = net.start_server(std::move(settings));
  Host& first = net.add_client(client_settings(1), outside(10));
  cr_assert(net.run_until([&] { return joined(net, first); }, 5s));
  Host& second = net.add_client(client_settings(2), outside(20));
  net.run_for(31s);
  cr_assert(second.ended.has_value());
  cr_assert(second.ended->code == Exit::protocol);
  cr_assert(second.ended->line.find("busy (max_clients reached)") != std::string::npos);
  cr_assert(is_up(first));
  cr_assert_eq(server.engine->counters().handshakes, 1u);
  Host& again = net.add_client(client_settings(1), outside(30));
  cr_assert(net.run_until([&] { return joined(net, again); }, 2s));
}

Test(admission, a_place_that_becomes_free_is_taken_by_who_waited) {
  Network net(4);
  engine::ServerSettings settings = server_settings();
  settings.max_clients = 1;
  net.start_server(std::move(settings));
  Host& first = net.add_client(client_settings(1), outside(10));
  cr_assert(net.run_until([&] { return joined(net, first); }, 5s));
  Host& second = net.add_client(client_settings(2), outside(20));
  net.run_for(5s);
  cr_assert_not(is_up(second));
  first.engine->stop(net.now());
  cr_assert(net.run_until([&] { return joined(net, second); }, 3s));
}

Test(admission, a_wrong_key_meets_silence_and_says_so) {
  Network net(5);
  Host& server = net.start_server(server_settings());
  Host& client = net.add_client(client_settings(1, 8), outside(10));
  net.run_for(31s);
  cr_assert(client.ended.has_value());
  cr_assert(client.ended->code == Exit::protocol);
  cr_assert(client.ended->line.find("wrong key") != std::string::npos);
  cr_assert_gt(drops(server, Drop::bad_gate), 10u);
  cr_assert_eq(server.engine->counters().handshakes, 0u);
}

Test(admission, nobody_there_is_another_message) {
  Network net(6);
  net.start_server(server_settings());
  net.refusing = true;
  Host& client = net.add_client(client_settings(1), outside(10));
  net.run_for(31s);
  cr_assert(client.ended.has_value());
  cr_assert(client.ended->code == Exit::unavailable);
  engine::ClientSettings patient = client_settings(2);
  patient.was_up = true;
  Host& other = net.add_client(std::move(patient), outside(11));
  net.run_for(600s);
  cr_assert_not(other.ended.has_value(), "one that had been up gave up");
  net.refusing = false;
  cr_assert(net.run_until([&] { return joined(net, other); }, 2s));
}

Test(admission, a_lease_that_is_not_the_one_asked_for_is_an_error_naming_both) {
  Network net(7);
  net.start_server(server_settings());
  engine::ClientSettings wants = client_settings(1);
  wants.requested_v4 = Address::v4(192, 168, 192, 77);
  Host& first = net.add_client(std::move(wants), outside(10));
  cr_assert(net.run_until([&] { return joined(net, first); }, 5s));
  cr_assert(first.lease.client_v4.address == Address::v4(192, 168, 192, 77));
  engine::ClientSettings same = client_settings(2);
  same.requested_v4 = Address::v4(192, 168, 192, 77);
  Host& second = net.add_client(std::move(same), outside(11));
  cr_assert(net.run_until([&] { return second.ended.has_value(); }, 5s));
  cr_assert(second.ended->code == Exit::config);
  cr_assert(second.ended->line.find("192.168.192.77") != std::string::npos);
  cr_assert(second.ended->line.find("192.168.192.1") != std::string::npos);
  engine::ClientSettings far = client_settings(3);
  far.expected_server_v4 = Address::v4(192, 168, 192, 253);
  Host& third = net.add_client(std::move(far), outside(12));
  cr_assert(net.run_until([&] { return third.ended.has_value(); }, 5s));
  cr_assert(third.ended->code == Exit::config);
}

Test(admission, a_clock_that_is_far_off_costs_two_silent_tries) {
  for (const std::int64_t off : {-86'400'000ll * 365 * 30, 3'600'000ll, -3'600'000ll}) {
    Network net(8);
    net.start_server(server_settings());
    net.client_clock_ms = off;
    Host& client = net.add_client(client_settings(1), outside(10));
    cr_assert(net.run_until([&] { return joined(net, client); }, 4s), "%lld",
              static_cast<long long>(off));
  }
}

// A recorded opening that says "my clock is unsure" draws our time, but no more than once a second
// from one source and ten times a second in all.
Test(admission, clock_replies_are_rationed) {
  Network net(18);
  net.start_server(server_settings());
  net.client_clock_ms = -3'600'000;
  Host& client = net.add_client(client_settings(1), outside(10));
  cr_assert(net.run_until([&] { return is_up(client); }, 4s));
  net.run_for(5s);
  const auto answered = [&](const Raw& opening, const Endpoint& from) {
    Link& l = net.stranger(from);
    net.say(l, opening);
    net.run_for(30ms);
    return !l.heard.empty();
  };
  std::optional<Raw> unsure;
  for (const Raw& opening : std::vector<Raw>(net.recorded)) {
    if (answered(opening, outside(50))) unsure = opening;
    net.run_for(2s);
  }
  cr_assert(unsure.has_value());
  cr_assert(answered(*unsure, outside(60)));
  cr_assert_not(answered(*unsure, outside(60)));
  net.run_for(1s);
  cr_assert(answered(*unsure, outside(60)));
  net.run_for(2s);
  std::vector<Link*> crowd;
  for (std::uint8_t i = 0; i < 40; ++i) {
    crowd.push_back(&net.stranger(outside(static_cast<std::uint8_t>(100 + i))));
    net.say(*crowd.back(), *unsure);
  }
  net.run_for(50ms);
  const auto heard = std::ranges::count_if(crowd, [](const Link* l) { return !l->heard.empty(); });
  cr_assert_eq(heard, 10);
  cr_assert(is_up(client));
}

Test(admission, a_source_that_keeps_failing_is_not_even_looked_at) {
  Network net(19);
  Host& server = net.start_server(server_settings());
  const Raw garbage(wire::kBlock, 0x5a);
  for (std::uint16_t i = 0; i < 30; ++i) {
    net.say(net.stranger(outside(99, i)), garbage);
    net.run_for(11ms);
  }
  // 20 at once, and one each 50 ms after that.
  cr_assert_eq(drops(server, Drop::bad_gate) + drops(server, Drop::rate_limited), 30u);
  cr_assert_geq(drops(server, Drop::rate_limited), 3u);
  cr_assert_geq(drops(server, Drop::bad_gate), 20u);
  Host& other = net.add_client(client_settings(1), outside(10));
  cr_assert(net.run_until([&] { return is_up(other); }, 1s), "another source paid for it");
}

// Every kind of opening that earns silence gets the same: no byte, and the end at a moment between
// 5 and 60 seconds.
Test(admission, strangers_hear_nothing_until_their_one_deadline) {
  Network net(9);
  Host& server = net.start_server(server_settings());
  Host& client = net.add_client(client_settings(1), outside(10));
  cr_assert(net.run_until([&] { return joined(net, client); }, 5s));
  const Raw opening = net.live_link(client)->opening;
  std::vector<Link*> links;
  const TimePoint start = net.now().mono;
  for (std::uint8_t i = 0; i < 90; ++i) {
    Link& l = net.stranger(outside(static_cast<std::uint8_t>(100 + i)));
    Raw words(net.random()() % 3000);
    for (auto& b : words) b = static_cast<std::uint8_t>(net.random()());
    if (i % 5 == 0) words.clear();
    if (i % 5 == 1) words.resize(255);
    if (i % 5 == 2) words = opening;  // replayed
    if (i % 5 == 3) {                 // one bit wrong
      words = opening;
      words[net.random()() % 256] ^= 4;
    }
    net.say(l, words);
    links.push_back(&l);
  }
  net.run_for(4900ms);
  for (const Link* l : links) cr_assert_not(l->closed_at.has_value());
  net.run_for(57s);
  Duration shortest = 100s, longest = 0s;
  for (const Link* l : links) {
    cr_assert(l->closed_at.has_value());
    cr_assert_eq(l->heard.size(), 0u);
    shortest = std::min(shortest, *l->closed_at - start);
    longest = std::max(longest, *l->closed_at - start);
  }
  cr_assert(shortest < 12s && longest > 50s && longest < 61s);
  cr_assert(is_up(client));
  cr_assert_eq(server.engine->counters().handshakes, 1u);
}

Test(admission, a_replayed_opening_gets_nothing_and_disturbs_nobody) {
  Network net(10);
  Host& server = net.start_server(server_settings());
  Host& client = net.add_client(client_settings(1), outside(10));
  cr_assert(net.run_until([&] { return joined(net, client); }, 5s));
  const Raw opening = net.live_link(client)->opening;
  cr_assert_geq(opening.size(), wire::kBlock);
  const Address v4 = client.lease.client_v4.address;
  std::uint32_t n = 0;
  const auto replay = [&](const Endpoint& from, Drop expected) {
    const std::uint64_t before = drops(server, expected);
    Link& l = net.stranger(from);
    net.say(l, opening);
    for (int i = 0; i < 5; ++i) {
      cr_assert(net.send(server, make_packet(kFar, v4, 1, n++, 500)) == Drop::none);
      net.run_for(1s);
    }
    cr_assert_eq(l.heard.size(), 0u);
    cr_assert_eq(drops(server, expected), before + 1);
    cr_assert(is_up(client));
    cr_assert_eq(numbers_of(client.tun, 1).size(), n, "the live session lost a packet");
  };
  net.run_for(10s);
  replay(outside(10, 1), Drop::replayed);
  replay(outside(99, 2), Drop::replayed);
  net.run_for(600s);
  replay(outside(10, 3), Drop::bad_time);
  replay(outside(99, 4), Drop::bad_time);
  cr_assert_eq(server.engine->counters().handshakes, 1u);
}

Test(admission, an_opening_from_before_a_restart_gets_nothing_either) {
  Network net(11);
  Host& server = net.start_server(server_settings());
  Host& client = net.add_client(client_settings(1), outside(10));
  cr_assert(net.run_until([&] { return joined(net, client); }, 5s));
  const Raw opening = net.live_link(client)->opening;
  net.run_for(10s);
  net.kill(server);
  net.restart_server(server_settings());
  Link& l = net.stranger(outside(99));
  net.say(l, opening);
  net.run_for(4s);
  cr_assert_eq(l.heard.size(), 0u);
  cr_assert_eq(drops(server, Drop::bad_time), 1u);
  cr_assert(is_up(client));
  // Fresh enough to be believed, it is answered; but the answer is worth nothing without the keys.
  Network fresh(12);
  Host& other = fresh.start_server(server_settings());
  Host& honest = fresh.add_client(client_settings(1), outside(10));
  cr_assert(fresh.run_until([&] { return joined(fresh, honest); }, 5s));
  const Raw recorded = fresh.live_link(honest)->opening;
  fresh.kill(other);
  fresh.restart_server(server_settings());
  fresh.say(fresh.stranger(outside(99)), recorded);
  cr_assert(fresh.run_until([&] { return joined(fresh, honest); }, 3s));
  fresh.run_for(10s);
  cr_assert(is_up(honest));
  cr_assert_eq(other.engine->counters().handshakes, 1u);
  cr_assert(honest.lease.client_v4.address == Address::v4(192, 168, 192, 1));
}

// Somebody keeps an opening from arriving and plays it later: it is fresh and is answered. But only
// who has the keys can confirm it, and until then nobody is replaced.
Test(admission, an_opening_that_was_withheld_replaces_nobody) {
  Network net(20);
  Host& server = net.start_server(server_settings());
  Host& client = net.add_client(client_settings(1), outside(10));
  cr_assert(net.run_until([&] { return joined(net, client); }, 5s));
  const engine::ClientSettings same = client_settings(1);
  wire::Initiator::Opening opening;
  opening.hello.ciphers = crypto::offered_ciphers();
  opening.hello.instance = same.instance;
  opening.time = net.now().wall;
  const wire::Initiator withheld(same.identity, opening, test_key(77),
                                 wire::draw_block_random(net.entropy()));
  Link& l = net.stranger(outside(99));
  net.say(l, withheld.block());
  const Address v4 = client.lease.client_v4.address;
  for (std::uint32_t i = 0; i < 70; ++i) {  // beyond the deadline to confirm
    cr_assert(net.send(server, make_packet(kFar, v4, 1, i, 500)) == Drop::none);
    net.run_for(1s);
  }
  cr_assert_geq(l.heard.size(), wire::kBlock);
  cr_assert(l.closed_at.has_value());
  cr_assert(is_up(client));
  cr_assert_eq(numbers_of(client.tun, 1).size(), 70u, "the live session lost a packet");
  cr_assert_eq(client.engine->counters().handshakes, 1u);
}

Test(admission, a_crowd_does_not_evict_who_has_passed_the_gate) {
  Network net(14);
  net.delay = 50ms;
  engine::Room room;
  room.half_open = 8;
  Host& server = net.start_server(server_settings(), room);
  Host& client = net.add_client(client_settings(1), outside(10));
  net.run_for(200ms);  // s1 is under way
  cr_assert_not(joined(net, client));
  for (std::uint16_t i = 0; i < 500; ++i) {
    const Address from =
        Address::v4(10, 0, static_cast<std::uint8_t>(i / 250), static_cast<std::uint8_t>(i % 250));
    cr_assert(server.engine->accepted({from, i}, net.now()).has_value());
  }
  net.pump();
  cr_assert(net.run_until([&] { return joined(net, client); }, 150ms));
}

Test(admission, six_thousand_silent_connections_keep_nobody_out) {
  Network net(13);
  Host& server = net.start_server(server_settings());
  Host& live = net.add_client(client_settings(1), outside(10));
  cr_assert(net.run_until([&] { return joined(net, live); }, 5s));
  for (std::uint32_t i = 0; i < 6000; ++i) {
    const Endpoint from{Address::v4(10, static_cast<std::uint8_t>(i / 2500),
                                    static_cast<std::uint8_t>(i / 10 % 250), 9),
                        static_cast<std::uint16_t>(i)};
    const auto id = server.engine->accepted(from, net.now());
    cr_assert(id.has_value());
  }
  net.pump();
  cr_assert_leq(server.engine->report(net.now()).half_open, 1024u);
  Host& genuine = net.add_client(client_settings(2), outside(20));
  cr_assert(net.run_until([&] { return joined(net, genuine); }, 200ms));
  cr_assert(is_up(live));
}

}  // namespace
}  // namespace vpnd::sim
