// SPDX-License-Identifier: ISC
// The data cipher of whole engines: the first that both offer, and good for a session's life.

#include <criterion/criterion.h>

#include <cstdio>

#include "tests/sim/world.h"

namespace vpnd::sim {
namespace {

using namespace std::chrono_literals;

const Address kFar = Address::v4(192, 0, 2, 7);

// Both ways, from a few bytes to whole GSO packets; all of it arrives.
void exchange(Network& net, Host& server, Host& client) {
  const Address inner = client.lease.client_v4.address;
  server.tun.clear();
  client.tun.clear();
  std::uint32_t n = 0;
  for (const std::size_t size : {40u, 41u, 1400u, 9000u, 30'000u, 65'000u}) {
    cr_assert(net.send(client, make_packet(inner, kFar, 1, n, size)) == Drop::none);
    cr_assert(net.send(server, make_packet(kFar, inner, 2, n, size)) == Drop::none);
    ++n;
    net.run_for(200ms);
  }
  net.run_for(1s);
  cr_assert_eq(numbers_of(server.tun, 1).size(), n);
  cr_assert_eq(numbers_of(client.tun, 2).size(), n);
}

}  // namespace

Test(ciphers, the_first_that_both_offer_lasts_through_rekeys) {
  for (const int mask : {1, 3, 5, 7}) {
    Network net(static_cast<unsigned>(mask));
    engine::ServerSettings settings = server_settings();
    settings.ciphers = static_cast<std::uint16_t>(mask);
    Host& server = net.start_server(std::move(settings));
    Host& client = net.add_client(client_settings(1), outside(10));
    cr_assert(net.run_until([&] { return joined(net, client); }, 5s));
    const std::uint16_t own = crypto::offered_ciphers();
    const auto want = wire::choose_cipher(own, static_cast<std::uint16_t>(own & mask));
    const auto used = [&](Host& h) { return h.engine->report(net.now()).peers.at(0).cipher; };
    cr_assert(want && used(server) == *want && used(client) == *want, "mask %d", mask);
    std::printf("mask %d: cipher %d\n", mask, static_cast<int>(*want));
    exchange(net, server, client);
    net.run_for(300s);
    cr_assert_geq(client.engine->counters().rekeys, 2u);
    exchange(net, server, client);
    cr_assert(used(server) == *want && used(client) == *want);
  }
}

}  // namespace vpnd::sim
