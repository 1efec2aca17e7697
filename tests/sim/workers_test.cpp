// SPDX-License-Identifier: ISC
// A server of several workers: who goes where, and that nobody notices.

#include <criterion/criterion.h>

#include <algorithm>

#include "tests/sim/world.h"

using namespace vpnd;
using namespace vpnd::sim;
using namespace std::chrono_literals;

namespace {

const Address kFar = Address::v4(192, 0, 2, 7);

std::uint64_t dropped(Host& h, Drop d) {
  return h.engine->counters().drops[static_cast<std::size_t>(d)];
}

std::size_t sessions_of(Network& net, std::uint32_t worker) {
  return net.worker(worker).engine->report(net.now()).peers.size();
}

std::uint32_t worker_of(Network& net, const Host& client) {
  for (const auto& p : net.server_report().peers) {
    if (p.inner_v4 == client.lease.client_v4.address) return p.worker;
  }
  return ~0u;
}

Address inner(const Host& client) {
  return client.lease.client_v4.address;
}

std::vector<std::uint32_t> up_to(std::uint32_t n) {
  std::vector<std::uint32_t> out(n);
  for (std::uint32_t i = 0; i < n; ++i) out[i] = i;
  return out;
}

// A server of two workers and a client at each.
struct Pair {
  Network net{1};
  Host *first = nullptr, *second = nullptr;
  Pair() {
    net.start_server(server_settings(), {}, 2);
    first = &join(1);
    second = &join(2);
  }
  Host& join(std::uint8_t instance) {
    Host& h = net.add_client(client_settings(instance), outside(instance));
    cr_assert(net.run_until([&] { return joined(net, h); }, 5s));
    return h;
  }
};

}  // namespace

Test(workers, each_new_session_goes_where_the_fewest_are) {
  Network net(1);
  net.start_server(server_settings(), {}, 3);
  std::vector<Host*> clients;
  for (std::uint8_t i = 1; i <= 7; ++i) {
    clients.push_back(&net.add_client(client_settings(i), outside(i)));
    cr_assert(net.run_until([&] { return joined(net, *clients.back()); }, 5s));
    if (i == 1) cr_assert_eq(sessions_of(net, 0), 1u, "one alone stays");
  }
  cr_assert_eq(sessions_of(net, 0), 3u);
  cr_assert_eq(sessions_of(net, 1), 2u);
  cr_assert_eq(sessions_of(net, 2), 2u);
  clients[1]->engine->stop(net.now());  // worker 1 has one less
  cr_assert(net.run_until([&] { return sessions_of(net, 1) == 1; }, 5s));
  net.run_for(1s);
  Host& next = net.add_client(client_settings(9), outside(9));
  cr_assert(net.run_until([&] { return joined(net, next); }, 5s));
  cr_assert_eq(worker_of(net, next), 1u);
}

Test(workers, packets_find_their_client_from_any_queue) {
  Pair p;
  cr_assert_eq(worker_of(p.net, *p.first), 0u);
  cr_assert_eq(worker_of(p.net, *p.second), 1u);
  for (std::uint32_t i = 0; i < 50; ++i) {
    for (std::uint32_t queue : {0u, 1u}) {
      Host& from = p.net.worker(queue);
      cr_assert(p.net.send(from, make_packet(kFar, inner(*p.first), queue, i, 900)) == Drop::none);
      cr_assert(p.net.send(from, make_packet(kFar, inner(*p.second), queue, i, 900)) == Drop::none);
    }
    p.net.run_for(5ms);
  }
  p.net.run_for(1s);
  for (std::uint32_t queue : {0u, 1u}) {
    cr_assert(numbers_of(p.first->tun, queue) == up_to(50));
    cr_assert(numbers_of(p.second->tun, queue) == up_to(50));
    cr_assert_eq(p.net.worker(queue).engine->counters().handed_over, 50u);
  }
}

Test(workers, a_full_hand_over_drops_and_counts_and_all_slots_come_back) {
  Pair p;
  engine::Engine& first = *p.net.worker(0).engine;
  const auto give = [&](std::uint32_t number) {
    const Raw packet = make_packet(kFar, inner(*p.second), 1, number, 900);
    wire::Slot slot = first.slot();
    cr_assert(slot, "%u", number);
    std::ranges::copy(packet, slot.packet_room().begin());
    return first.from_tun(slot, {}, packet.size(), p.net.now());
  };
  constexpr std::uint32_t kRoom = engine::HandOver::kRoom;
  for (int round = 0; round < 20; ++round) {
    for (std::uint32_t i = 0; i < kRoom; ++i) cr_assert(give(i) == Drop::none);
    cr_assert(give(kRoom) == Drop::hand_over_full);
    p.net.run_for(100ms);
  }
  cr_assert_eq(numbers_of(p.second->tun, 1).size(), 20 * kRoom);
  cr_assert_eq(dropped(p.net.worker(0), Drop::hand_over_full), 20u);
}

Test(workers, everything_a_client_sends_arrives_whatever_worker_it_has) {
  Pair p;
  for (std::uint32_t i = 0; i < 300; ++i) {
    for (Host* h : {p.first, p.second}) p.net.send(*h, make_packet(inner(*h), kFar, 1, i, 1300));
    p.net.run_for(1ms);
  }
  p.net.run_for(1s);
  cr_assert(numbers_of(p.net.worker(0).tun, 1) == up_to(300));
  cr_assert(numbers_of(p.net.worker(1).tun, 1) == up_to(300));
  cr_assert(p.net.send(*p.second, make_packet(inner(*p.second), inner(*p.first), 1, 0, 100)) ==
            Drop::none);
  p.net.run_for(1s);
  cr_assert_eq(dropped(p.net.worker(1), Drop::bad_destination), 1u, "isolated all the same");
}

// What the client sends at once comes behind its confirmation, and is not lost on the way.
Test(workers, what_comes_behind_the_confirmation_moves_along) {
  Pair p;
  Host& third = p.net.add_client(client_settings(3), outside(3));
  Host& fourth = p.net.add_client(client_settings(4), outside(4));
  std::uint32_t sent = 0;
  const auto all_send = [&] {
    const bool both = is_up(third) && is_up(fourth);
    for (Host* h : {&third, &fourth}) {
      if (both) p.net.send(*h, make_packet(inner(*h), kFar, 5, sent, 30'000));
    }
    if (both) ++sent;
    return sent == 40;
  };
  cr_assert(p.net.run_until(all_send, 10s));
  p.net.run_for(2s);
  std::size_t arrived = 0;
  for (std::uint32_t w : {0u, 1u}) arrived += numbers_of(p.net.worker(w).tun, 5).size();
  cr_assert_eq(arrived, 80u);
}

Test(workers, re_keying_goes_on_after_the_move) {
  Pair p;
  for (std::uint32_t i = 0; i < 500; ++i) {
    p.net.send(p.net.worker(0), make_packet(kFar, inner(*p.second), 1, i, 900));
    p.net.send(*p.second, make_packet(inner(*p.second), kFar, 1, i, 900));
    p.net.run_for(1s);
  }
  p.net.run_for(1s);
  cr_assert(numbers_of(p.second->tun, 1) == up_to(500));
  cr_assert(numbers_of(p.net.worker(1).tun, 1) == up_to(500));
  cr_assert_eq(worker_of(p.net, *p.second), 1u);
  cr_assert_geq(p.net.worker(1).engine->counters().rekeys, 2u);
}

// Where the newer session of one client is not where the older one was.
Test(workers, the_newest_session_wins_wherever_it_is) {
  Pair p;
  const Address held = inner(*p.second);
  p.net.kill(*p.first);  // worker 0 has the fewest
  p.net.run_for(1s);
  Host& again = p.net.add_client(client_settings(2), outside(77));
  cr_assert(p.net.run_until([&] { return is_up(again) && worker_of(p.net, again) == 0; }, 5s));
  p.net.run_for(100ms);
  cr_assert(inner(again) == held);
  cr_assert_eq(p.net.server_report().peers.size(), 1u, "the older one is gone");
  for (std::uint32_t queue : {0u, 1u}) {
    cr_assert(p.net.send(p.net.worker(queue), make_packet(kFar, held, queue, 0, 500)) ==
              Drop::none);
  }
  p.net.run_for(1s);
  cr_assert_eq(numbers_of(again.tun, 0).size(), 1u);
  cr_assert_eq(numbers_of(again.tun, 1).size(), 1u);
  cr_assert_eq(p.second->tun.size(), 0u);
}

Test(workers, a_session_that_ends_by_itself_leaves_no_way_to_it) {
  Pair p;
  p.second->engine->stop(p.net.now());
  cr_assert(p.net.run_until([&] { return p.net.server_report().peers.size() == 1; }, 5s));
  for (std::uint32_t queue : {0u, 1u}) {
    cr_assert(p.net.send(p.net.worker(queue), make_packet(kFar, inner(*p.second), 1, 0, 100)) ==
              Drop::no_route);
  }
  p.net.kill(*p.first);
  p.net.run_for(1s);
  cr_assert_eq(p.net.server_report().peers.size(), 0u);
}

// Also one of which nothing was heard after it had moved.
Test(workers, one_that_falls_silent_is_given_up_by_its_worker) {
  for (const Duration spoke : {Duration{}, Duration{1s}}) {
    Pair p;
    p.net.run_for(spoke);
    p.net.live_link(*p.second)->client_stopped = true;
    p.second->engine.reset();
    cr_assert(p.net.run_until([&] { return sessions_of(p.net, 1) == 0; }, 60s));
    cr_assert_eq(sessions_of(p.net, 0), 1u);
    cr_assert(p.net.send(p.net.worker(0), make_packet(kFar, inner(*p.second), 1, 0, 100)) ==
              Drop::no_route);
  }
}

namespace {

// A server of two workers that knows five clients, "a" to "e"; the first three are up, "b" alone at
// the second worker.
struct Named {
  Network net{3};
  PublicMode mode;
  std::vector<wire::ClientKey> keys;
  std::vector<Host*> clients;
  Named() {
    for (std::uint8_t i = 0; i < 5; ++i) {
      keys.push_back(mode.add(std::string(1, static_cast<char>('a' + i)),
                              static_cast<std::uint8_t>(50 + 10 * i)));
    }
    net.start_server(mode.settings(), {}, 2);
    for (int i = 0; i < 3; ++i) join();
    cr_assert_eq(sessions_of(net, 1), 1u);
  }
  Host& join() {
    const auto i = static_cast<std::uint8_t>(clients.size());
    clients.push_back(&net.add_client(client_with(std::move(keys[i])), outside(i)));
    cr_assert(net.run_until([&] { return joined(net, *clients.back()); }, 5s));
    return *clients.back();
  }
  void revoke(const std::string& names) {
    std::erase_if(mode.peers, [&](const auto& p) { return names.find(p.name) != names.npos; });
    net.server().engine->replace_peers(mode.list(), net.now());
    net.pump();
  }
};

}  // namespace

Test(workers, who_is_revoked_is_out_at_every_worker) {
  Named n;
  n.revoke("ab");  // one of each worker
  cr_assert_eq(sessions_of(n.net, 0), 1u);
  cr_assert_eq(sessions_of(n.net, 1), 0u);
  n.net.run_for(100ms);
  cr_assert(!is_up(*n.clients[0]) && !is_up(*n.clients[1]) && is_up(*n.clients[2]));
  for (std::uint32_t queue : {0u, 1u}) {
    Host& from = n.net.worker(queue);
    for (int i : {0, 1}) {
      const auto address = inner(*n.clients[static_cast<std::size_t>(i)]);
      cr_assert(n.net.send(from, make_packet(kFar, address, 1, 0, 100)) == Drop::no_route);
    }
  }
}

Test(workers, who_is_revoked_makes_room_where_it_was) {
  Named n;
  n.revoke("b");
  cr_assert_eq(worker_of(n.net, n.join()), 1u);
  cr_assert_eq(worker_of(n.net, n.join()), 1u);
}

Test(workers, a_session_that_moved_is_still_known_by_its_name) {
  Named n;
  const auto peers = n.net.worker(1).engine->report(n.net.now()).peers;
  cr_assert_eq(peers.size(), 1u);
  cr_assert(peers[0].name == "b" && peers[0].inner_v4 == inner(*n.clients[1]));
  cr_assert(peers[0].endpoint.address == outside(1).address);
}

namespace {

// A server of three workers and a client at each.
struct Three {
  Network net{1};
  std::vector<Host*> clients;
  Three() {
    net.start_server(server_settings(), {}, 3);
    for (std::uint8_t i = 1; i <= 3; ++i) {
      clients.push_back(&net.add_client(client_settings(i), outside(i)));
      cr_assert(net.run_until([&] { return joined(net, *clients.back()); }, 5s));
    }
    for (std::uint32_t i = 0; i < 3; ++i) cr_assert_eq(worker_of(net, *clients[i]), i);
  }
};

}  // namespace

Test(workers, a_change_reaches_every_worker) {
  Three t;
  for (std::uint32_t i = 0; i < 3; ++i) {
    engine::ServerChanges changes;
    changes.isolate = i != 1;
    t.net.server().engine->change(changes);
    t.net.pump();
    for (std::uint32_t k = 0; k < 3; ++k) {
      Host &from = *t.clients[k], &to = *t.clients[(k + 1) % 3];
      t.net.send(from, make_packet(inner(from), inner(to), 7, i, 100));
    }
    t.net.run_for(1s);
  }
  for (std::uint32_t worker = 0; worker < 3; ++worker) {
    Host& h = t.net.worker(worker);
    cr_assert(numbers_of(h.tun, 7) == std::vector<std::uint32_t>{1}, "worker %u", worker);
    cr_assert_eq(dropped(h, Drop::bad_destination), 2u, "worker %u", worker);
  }
}

Test(workers, every_worker_knows_the_way_to_every_client) {
  Three t;
  for (std::uint32_t worker = 0; worker < 3; ++worker) {
    for (Host* c : t.clients) {
      Host& from = t.net.worker(worker);
      cr_assert(t.net.send(from, make_packet(kFar, inner(*c), worker, 0, 100)) == Drop::none);
    }
  }
  t.net.run_for(1s);
  for (Host* c : t.clients) {
    for (std::uint32_t w = 0; w < 3; ++w) cr_assert_eq(numbers_of(c->tun, w).size(), 1u);
  }
  for (Host* c : t.clients) c->engine->stop(t.net.now());
  cr_assert(t.net.run_until([&] { return t.net.server_report().peers.empty(); }, 5s));
  for (std::uint32_t worker = 0; worker < 3; ++worker) {
    for (Host* c : t.clients) {
      Host& from = t.net.worker(worker);
      cr_assert(t.net.send(from, make_packet(kFar, inner(*c), worker, 1, 100)) == Drop::no_route);
    }
  }
}

Test(workers, a_stop_tells_everybody_at_once) {
  Pair p;
  p.net.server().engine->stop(p.net.now());
  p.net.pump();
  cr_assert_eq(p.net.server_report().peers.size(), 0u);
  p.net.run_for(100ms);
  cr_assert(!is_up(*p.first) && !is_up(*p.second));
}

// Two workers that both hold the other one to be the owner would never let go of it.
Test(workers, a_packet_is_handed_over_once_and_no_more) {
  Network net(1);
  wire::Pool pool(1);
  engine::HandOver in, out;
  const engine::Workers seen{2, 1, {&out, nullptr}, {&in, nullptr}};
  engine::Engine worker(engine::session_settings(server_settings()), {}, net.entropy(), seen);
  const Address client = Address::v4(192, 168, 192, 1);
  worker.deliver(engine::mail::Route{{client, {}}, 0}, net.now());
  const Raw packet = make_packet(kFar, client, 1, 0, 100);
  wire::Slot slot = pool.take();
  std::ranges::copy(packet, slot.packet_room().begin());
  cr_assert(in.push(slot, {}, packet.size()));
  worker.take_handed(net.now());
  cr_assert(!in.front() && !out.front());
  cr_assert_eq(worker.counters().drops[static_cast<std::size_t>(Drop::no_session)], 1u);
  cr_assert_eq(worker.handed_to(), 0u);
}

// Word of it may come after the newer one is there.
Test(workers, the_end_of_an_older_session_does_not_end_the_newer_one) {
  Network net(4);
  PublicMode mode;
  wire::ClientKey key = mode.add("a", 50);
  net.start_server(mode.settings(), {}, 2);
  Host& client = net.add_client(client_with(std::move(key)), outside(1));
  cr_assert(net.run_until([&] { return joined(net, client); }, 5s));
  wire::Identity id;
  std::ranges::copy(mode.peers.front().key, id.bytes.begin());
  id.size = static_cast<std::uint8_t>(mode.peers.front().key.size());
  const auto sent_after_end_of = [&](engine::SessionNumber number) {
    net.server().engine->deliver(engine::mail::Left{number, id, "it said goodbye"}, net.now());
    net.pump();
    return net.send(net.worker(1), make_packet(kFar, inner(client), 1, 0, 100));
  };
  cr_assert(sent_after_end_of(99) == Drop::none);
  cr_assert(sent_after_end_of(1) == Drop::no_route);
}
