// SPDX-License-Identifier: ISC
#include <criterion/criterion.h>

#include "core/base/sanitizer_build.h"
#include "tests/sim/world.h"

namespace vpnd::sim {
namespace {

using namespace std::chrono_literals;

const Address kFar = Address::v4(192, 0, 2, 7);
const Address kFar6 = *Address::parse("2001:db8::7");

std::vector<std::uint32_t> counted(std::uint32_t n) {
  std::vector<std::uint32_t> v(n);
  for (std::uint32_t i = 0; i < n; ++i) v[i] = i;
  return v;
}

Test(session, a_client_comes_up_and_packets_pass_both_ways) {
  Network net(1);
  Host& server = net.start_server(server_settings());
  Host& client = net.add_client(client_settings(1), outside(10));
  cr_assert(net.run_until([&] { return joined(net, client); }, 5s));
  const Address v4 = client.lease.client_v4.address, v6 = client.lease.client_v6.address;
  cr_assert(v4 == Address::v4(192, 168, 192, 1));
  cr_assert(v6 == *Address::parse("fd12:3456:789a:1::1:0:1"));
  for (std::uint32_t i = 0; i < 100; ++i) {
    cr_assert(net.send(client, make_packet(v4, kFar, 1, i, 40 + i * 37)) == Drop::none);
    cr_assert(net.send(client, make_packet6(v6, kFar6, 3, i, 60 + i)) == Drop::none);
  }
  net.run_for(1s);
  cr_assert(numbers_of(server.tun, 1) == counted(100));
  cr_assert(numbers_of(server.tun, 3) == counted(100));
  for (std::uint32_t i = 0; i < 100; ++i) {
    cr_assert(net.send(server, make_packet(kFar, v4, 2, i, 40 + i * 300)) == Drop::none);
    cr_assert(net.send(server, make_packet6(kFar6, v6, 4, i, 60 + i)) == Drop::none);
  }
  net.run_for(1s);
  cr_assert(numbers_of(client.tun, 2) == counted(100));
  cr_assert(numbers_of(client.tun, 4) == counted(100));
  cr_assert_eq(client.states.size(), 2u);  // connecting, up
}

// What it dropped because its queue stood, which a slow path's must.
std::size_t held_back(const Host& host) {
  return host.engine->counters().drops[static_cast<std::size_t>(Drop::queue_standing)];
}

// No number twice, none out of order.
bool rising(const std::vector<std::uint32_t>& v) {
  return std::ranges::adjacent_find(v, std::ranges::greater_equal{}) == v.end();
}

// Whatever the seed: splits, sizes, delays and order of both directions.
Test(session, a_thousand_seeds_deliver_everything_intact_and_in_order) {
  constexpr unsigned kSeeds = kSanitizerBuild ? 100 : 1000;
  unsigned untouched = 0;
  for (unsigned seed = 0; seed < kSeeds; ++seed) {
    Network net(seed);
    net.delay = std::chrono::microseconds(net.random()() % 80'000);
    net.window = 2000 + net.random()() % 200'000;
    Host& server = net.start_server(server_settings());
    Host& client = net.add_client(client_settings(1), outside(10));
    cr_assert(net.run_until([&] { return joined(net, client); }, 10s), "seed %u", seed);
    const Address v4 = client.lease.client_v4.address;
    std::uint32_t up = 0, down = 0;
    for (int round = 0; round < 6; ++round) {
      for (auto n = net.random()() % 12; n > 0; --n) {
        const std::size_t size = 40 + net.random()() % (n == 3 ? 60'000 : 1400);
        cr_assert(net.send(client, make_packet(v4, kFar, 1, up++, size)) == Drop::none);
        cr_assert(net.send(server, make_packet(kFar, v4, 2, down++, size)) == Drop::none);
      }
      net.run_for(std::chrono::milliseconds(net.random()() % 50));
    }
    const auto all_there = [&] {
      return server.tun.size() + held_back(client) == up &&
             client.tun.size() + held_back(server) == down;
    };
    cr_assert(net.run_until(all_there, 60s), "seed %u", seed);
    const auto at_server = numbers_of(server.tun, 1), at_client = numbers_of(client.tun, 2);
    cr_assert(at_server.size() == server.tun.size() && rising(at_server), "seed %u", seed);
    cr_assert(at_client.size() == client.tun.size() && rising(at_client), "seed %u", seed);
    untouched += held_back(client) + held_back(server) == 0 ? 1 : 0;
  }
  // The others' window takes seconds for what was sent.
  cr_assert_gt(untouched, kSeeds * 8 / 10, "%u of %u", untouched, kSeeds);
}

// Connections that are reset, stalled and refused at any moment: it always comes back by itself,
// with the same address, and what arrives is intact and in order.
Test(session, survives_resets_and_stalls_whatever_the_seed) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    Network net(seed + 5000);
    Host& server = net.start_server(server_settings());
    Host& client = net.add_client(client_settings(1), outside(10));
    std::uint32_t sent = 0;
    Address v4 = Address::v4(192, 168, 192, 1);
    for (int round = 0; round < 12; ++round) {
      switch (net.random()() % 5) {
        case 0:
          net.reset_links();
          break;
        case 1:
          net.stalled = true;
          break;
        case 2:
          net.refusing = true;
          break;
        default:
          break;
      }
      for (int i = 0; i < 5; ++i) {
        net.send(client, make_packet(v4, kFar, 1, sent++, 40 + net.random()() % 3000));
      }
      net.run_for(std::chrono::milliseconds(net.random()() % 5000));
      net.stalled = net.refusing = false;
    }
    cr_assert(net.run_until([&] { return joined(net, client); }, 4s), "seed %u", seed);
    cr_assert(client.lease.client_v4.address == v4);
    // A session that a stall has silently killed is noticed within four seconds.
    net.run_for(5s);
    cr_assert(is_up(client));
    const auto numbers = numbers_of(server.tun, 1);
    cr_assert(std::ranges::is_sorted(numbers) && (numbers.empty() || numbers.back() < sent));
    server.tun.clear();
    cr_assert(net.send(client, make_packet(v4, kFar, 9, 0, 100)) == Drop::none);
    net.run_for(1s);
    cr_assert_eq(numbers_of(server.tun, 9).size(), 1u, "seed %u", seed);
  }
}

Test(session, keys_are_renewed_under_load_without_losing_a_packet) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    Network net(seed);
    engine::Room room;
    room.limits.epoch_bytes = 200'000;
    room.limits.epoch_records = 40;
    Host& server = net.start_server(server_settings(), room);
    Host& client = net.add_client(client_settings(1), outside(10), room);
    cr_assert(net.run_until([&] { return joined(net, client); }, 5s));
    const Address v4 = client.lease.client_v4.address;
    std::uint32_t n = 0;
    for (int round = 0; round < 100; ++round) {
      for (int i = 0; i < 5; ++i, ++n) {
        const std::size_t size = 40 + net.random()() % 9000;
        cr_assert(net.send(client, make_packet(v4, kFar, 1, n, size)) == Drop::none);
        cr_assert(net.send(server, make_packet(kFar, v4, 2, n, size)) == Drop::none);
      }
      net.run_for(std::chrono::milliseconds(net.random()() % 60));
    }
    net.run_for(2s);
    cr_assert(numbers_of(server.tun, 1) == counted(n), "seed %u", seed);
    cr_assert(numbers_of(client.tun, 2) == counted(n), "seed %u", seed);
    cr_assert_gt(client.engine->counters().rekeys, 3u);
    cr_assert_gt(server.engine->counters().rekeys, 3u);
    cr_assert_eq(client.engine->counters().handshakes, 1u);
  }
}

Test(session, an_idle_session_lives_for_days_and_a_silent_death_is_noticed) {
  Network net(3);
  net.start_server(server_settings());
  Host& client = net.add_client(client_settings(1), outside(10));
  cr_assert(net.run_until([&] { return joined(net, client); }, 5s));
  net.run_for(24h);
  cr_assert(is_up(client));
  cr_assert_eq(client.engine->counters().handshakes, 1u);
  cr_assert_gt(client.engine->counters().rekeys, 500u);
  net.stalled = true;
  net.send(client, make_packet(client.lease.client_v4.address, kFar, 1, 0, 100));
  net.run_for(4500ms);
  cr_assert(client.state == engine::ClientState::reconnecting);
  net.run_for(30s);
  net.stalled = false;
  cr_assert(net.run_until([&] { return joined(net, client); }, 1s));
}

Test(session, a_stop_says_goodbye_and_the_client_comes_back_by_itself) {
  Network net(4);
  Host& server = net.start_server(server_settings());
  Host& client = net.add_client(client_settings(1), outside(10));
  cr_assert(net.run_until([&] { return joined(net, client); }, 5s));
  server.engine->stop(net.now());
  cr_assert(net.run_until([&] { return !is_up(client); }, 200ms));
  cr_assert(client.state == engine::ClientState::reconnecting);
  net.kill(server);
  net.restart_server(server_settings());
  cr_assert(net.run_until([&] { return joined(net, client); }, 2s));
  client.engine->stop(net.now());
  net.run_for(200ms);
  cr_assert(client.state == engine::ClientState::idle);
  cr_assert(server.engine->report(net.now()).peers.empty());
}

Test(session, a_killed_server_that_comes_back_leases_the_same_address) {
  Network net(5);
  Host& server = net.start_server(server_settings());
  std::vector<Host*> clients;
  for (std::uint8_t i = 1; i <= 5; ++i) {
    clients.push_back(&net.add_client(client_settings(i), outside(i)));
    cr_assert(net.run_until([&] { return joined(net, *clients.back()); }, 5s));
  }
  std::vector<Address> before;
  for (const Host* c : clients) before.push_back(c->lease.client_v4.address);
  net.kill(server);
  net.run_for(3s);
  net.restart_server(server_settings());
  for (std::size_t i = 0; i < clients.size(); ++i) {
    cr_assert(net.run_until([&] { return joined(net, *clients[i]); }, 2s));
    cr_assert(clients[i]->lease.client_v4.address == before[i]);
    cr_assert(net.send(*clients[i], make_packet(before[i], kFar, 1, 0, 100)) == Drop::none);
  }
  net.run_for(1s);
  cr_assert_eq(numbers_of(server.tun, 1).size(), 5u);
}

// The control to the test before: without the lease secret the cookies say nothing.
Test(session, another_lease_secret_forgets_the_addresses) {
  Network net(5);
  Host& server = net.start_server(server_settings());
  Host& first = net.add_client(client_settings(1), outside(1));
  cr_assert(net.run_until([&] { return joined(net, first); }, 5s));
  Host& second = net.add_client(client_settings(2), outside(2));
  cr_assert(net.run_until([&] { return joined(net, second); }, 5s));
  const Address before = second.lease.client_v4.address;
  const wire::CookieBytes cookie = second.cookie;
  net.kill(first);
  net.kill(second);
  net.kill(server);
  engine::ServerSettings other = server_settings();
  other.lease_secret = test_key(98);
  net.restart_server(std::move(other));
  engine::ClientSettings again = client_settings(2);
  again.cookie = cookie;
  Host& third = net.add_client(std::move(again), outside(2));
  cr_assert(net.run_until([&] { return joined(net, third); }, 5s));
  cr_assert(third.lease.client_v4.address != before);
}

}  // namespace
}  // namespace vpnd::sim
