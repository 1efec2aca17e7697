// SPDX-License-Identifier: ISC
#include <criterion/criterion.h>

#include "tests/sim/world.h"

namespace vpnd::sim {
namespace {

using namespace std::chrono_literals;
using engine::ClientState;

const Address kFar = Address::v4(192, 0, 2, 7);

Test(sharing, a_stopped_reader_delays_nobody_else) {
  Network net(1);
  engine::Room room;
  room.slots = 64;  // so few that the first could hold them all
  Host& server = net.start_server(server_settings(), room);
  Host& slow = net.add_client(client_settings(1), outside(10));
  Host& quick = net.add_client(client_settings(2), outside(20));
  cr_assert(net.run_until([&] { return joined(net, slow) && joined(net, quick); }, 5s));
  net.live_link(slow)->client_stopped = true;
  const Address a = slow.lease.client_v4.address, b = quick.lease.client_v4.address;
  std::uint32_t sent = 0;
  for (std::uint32_t i = 0; i < 300; ++i) {
    for (int k = 0; k < 4; ++k) {
      cr_assert(net.send(server, make_packet(kFar, a, 1, i, 40'000)) == Drop::none);
    }
    cr_assert(net.send(server, make_packet(kFar, b, 2, sent++, 20'000)) == Drop::none);
    net.run_for(5ms);
  }
  net.run_for(200ms);
  cr_assert_eq(numbers_of(quick.tun, 2).size(), sent);
  cr_assert_gt(server.engine->counters().drops[static_cast<std::size_t>(Drop::queue_full)], 0u);
}

Test(sharing, an_empty_pool_is_paid_for_by_the_longest_queue) {
  Network net(2);
  engine::Room room;
  room.slots = 24;
  Host& server = net.start_server(server_settings(), room);
  Host& slow = net.add_client(client_settings(1), outside(10));
  Host& quick = net.add_client(client_settings(2), outside(20));
  cr_assert(net.run_until([&] { return joined(net, slow) && joined(net, quick); }, 5s));
  net.live_link(slow)->client_stopped = true;
  for (std::uint32_t i = 0; i < 100; ++i) {
    net.send(server, make_packet(kFar, slow.lease.client_v4.address, 1, i, 20'000));
  }
  cr_assert_gt(server.engine->counters().drops[static_cast<std::size_t>(Drop::queue_full)], 0u);
  for (std::uint32_t i = 0; i < 12; ++i) {
    const Address b = quick.lease.client_v4.address;
    cr_assert(net.send(server, make_packet(kFar, b, 2, i, 20'000)) == Drop::none);
  }
  net.run_for(1s);
  cr_assert_eq(numbers_of(quick.tun, 2).size(), 12u);
}

Test(sharing, clients_neither_spoof_nor_meet_each_other) {
  Network net(3);
  Host& server = net.start_server(server_settings());
  Host& one = net.add_client(client_settings(1), outside(10));
  Host& two = net.add_client(client_settings(2), outside(20));
  cr_assert(net.run_until([&] { return joined(net, one) && joined(net, two); }, 5s));
  const Address a = one.lease.client_v4.address, b = two.lease.client_v4.address;
  cr_assert(a != b);
  cr_assert(one.lease.client_v6.address != two.lease.client_v6.address);
  cr_assert(net.send(one, make_packet(b, kFar, 1, 0, 100)) == Drop::spoofed_source);
  cr_assert(net.send(one, make_packet(a, b, 1, 1, 100)) == Drop::none);
  cr_assert(net.send(one, make_packet(a, Address::v4(127, 0, 0, 1), 1, 2, 100)) == Drop::none);
  cr_assert(net.send(one, make_packet(a, kFar, 1, 3, 100)) == Drop::none);
  net.run_for(1s);
  cr_assert(numbers_of(server.tun, 1) == std::vector<std::uint32_t>{3});
  cr_assert_eq(two.tun.size(), 0u);
  cr_assert_eq(server.engine->counters().drops[static_cast<std::size_t>(Drop::bad_destination)],
               2u);
  cr_assert(net.send(server, make_packet(kFar, Address::v4(192, 168, 192, 99), 1, 0, 100)) ==
            Drop::no_route);
}

// Whatever a server passes on: an own or an impossible source is refused at the client as well.
Test(sharing, a_client_believes_no_source_that_cannot_be) {
  Network net(8);
  Host& server = net.start_server(server_settings());
  Host& client = net.add_client(client_settings(1), outside(10));
  cr_assert(net.run_until([&] { return joined(net, client); }, 5s));
  const Address own = client.lease.client_v4.address;
  cr_assert(net.send(server, make_packet(own, own, 1, 0, 100)) == Drop::none);
  cr_assert(net.send(server, make_packet(Address::v4(127, 0, 0, 1), own, 1, 1, 100)) == Drop::none);
  cr_assert(net.send(server, make_packet(kFar, own, 1, 2, 100)) == Drop::none);
  net.run_for(1s);
  cr_assert(numbers_of(client.tun, 1) == std::vector<std::uint32_t>{2});
  cr_assert_eq(client.engine->counters().drops[static_cast<std::size_t>(Drop::spoofed_source)], 2u);
}

// A small record limit and a TUN without offloads on one side: super-packets are cut by the sender.
Test(sharing, a_peer_without_offloads_gets_plain_packets) {
  Network net(4);
  engine::ClientSettings plain = client_settings(1);
  plain.kinds = wire::kKindPlain;
  Host& server = net.start_server(server_settings());
  Host& client = net.add_client(std::move(plain), outside(10));
  cr_assert(net.run_until([&] { return joined(net, client); }, 5s));
  Raw p(20 + 20 + 10'000);
  p[0] = 0x45;
  store_be16(p.data() + 2, static_cast<std::uint16_t>(p.size()));
  p[8] = 64;
  p[9] = 6;
  const Address to = client.lease.client_v4.address;
  std::ranges::copy(kFar.bytes(), p.begin() + 12);
  std::ranges::copy(to.bytes(), p.begin() + 16);
  p[32] = 0x50;
  p[33] = 0x10;
  const wire::VnetHeader vnet{.flags = wire::kVnetNeedsChecksum,
                              .gso_type = wire::kVnetGsoTcp4,
                              .header_length = 40,
                              .gso_size = 1000,
                              .csum_start = 20,
                              .csum_offset = 16};
  cr_assert(net.send(server, p, vnet) == Drop::none);
  net.run_for(1s);
  cr_assert_eq(client.tun.size(), 10u);
  for (const Raw& piece : client.tun) cr_assert_eq(piece.size(), 1040u);
}

Test(sharing, a_full_batch_for_the_tun_is_taken_up_again) {
  Network net(5);
  Host& server = net.start_server(server_settings());
  Host& client = net.add_client(client_settings(1), outside(10));
  cr_assert(net.run_until([&] { return joined(net, client); }, 5s));
  const Address v4 = client.lease.client_v4.address;
  net.window = 1 << 20;
  std::vector<std::uint32_t> all;
  for (std::uint32_t i = 0; i < 4000; ++i) {
    cr_assert(net.send(client, make_packet(v4, kFar, 1, i, 40)) == Drop::none);
    all.push_back(i);
  }
  net.run_for(2s);
  cr_assert(numbers_of(server.tun, 1) == all);
}

Test(sharing, each_endpoint_is_tried_and_a_change_of_network_is_followed) {
  Network net(6);
  net.start_server(server_settings());
  engine::ClientSettings two = client_settings(1);
  two.endpoints.push_back(*Endpoint::parse("[2001:db8::1]:443"));
  Host& client = net.add_client(std::move(two), outside(10));
  cr_assert(net.run_until([&] { return joined(net, client); }, 5s));
  client.engine->network_changed(net.now());
  net.run_for(2s);
  cr_assert(is_up(client));
  cr_assert_eq(client.engine->counters().handshakes, 2u);
  net.run_for(60s);
  cr_assert(is_up(client));
  cr_assert_eq(client.engine->counters().handshakes, 2u);
}

// ---- mode P

Test(sharing, named_clients_have_their_pinned_addresses_until_they_are_revoked) {
  Network net(7);
  PublicMode mode;
  auto anna = mode.add("anna", 50, Address::v4(192, 168, 192, 40));
  auto bert = mode.add("bert", 60);
  Host& server = net.start_server(mode.settings());
  Host& first = net.add_client(client_with(std::move(anna)), outside(10));
  Host& second = net.add_client(client_with(std::move(bert)), outside(20));
  cr_assert(net.run_until([&] { return joined(net, first) && joined(net, second); }, 5s));
  cr_assert(first.lease.client_v4.address == Address::v4(192, 168, 192, 40));
  cr_assert(second.lease.client_v4.address == Address::v4(192, 168, 192, 1));
  const auto report = server.engine->report(net.now());
  cr_assert_eq(report.peers.size(), 2u);
  cr_assert(report.peers[0].name != report.peers[1].name);
  mode.peers.erase(mode.peers.begin());
  server.engine->replace_peers(mode.list(), net.now());
  net.run_for(1s);
  cr_assert(first.state == ClientState::blocked);
  cr_assert(is_up(second));
  net.run_for(200s);
  cr_assert_not(is_up(first));
  cr_assert_gt(server.engine->counters().drops[static_cast<std::size_t>(Drop::unknown_peer)], 0u);
  cr_assert(is_up(second));
}

}  // namespace
}  // namespace vpnd::sim
