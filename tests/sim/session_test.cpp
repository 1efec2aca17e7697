// SPDX-License-Identifier: ISC
#include <criterion/criterion.h>

#include "tests/sim/world.h"

namespace vpnd::sim {
namespace {

using namespace std::chrono_literals;

const Address kFar = Address::v4(192, 0, 2, 7);

Test(session, a_client_comes_up_and_packets_pass_both_ways) {
  Network net(1);
  Host& server = net.start_server(server_settings());
  Host& client = net.add_client(client_settings(1), outside(10));
  cr_assert(net.run_until([&] { return is_up(client); }, 5s));
  cr_assert(client.lease.client_v4.address == Address::v4(192, 168, 192, 1));
  for (std::uint32_t i = 0; i < 100; ++i) {
    cr_assert(net.send(client, make_packet(client.lease.client_v4.address, kFar, 1, i,
                                           40 + i * 37)) == Drop::none);
  }
  net.run_for(1s);
  cr_assert_eq(numbers_of(server.tun, 1).size(), 100u);
  for (std::uint32_t i = 0; i < 100; ++i) {
    cr_assert(net.send(server, make_packet(kFar, client.lease.client_v4.address, 2, i,
                                           40 + i * 300)) == Drop::none);
  }
  net.run_for(1s);
  cr_assert_eq(numbers_of(client.tun, 2).size(), 100u);
}

}  // namespace
}  // namespace vpnd::sim
