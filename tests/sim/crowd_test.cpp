// SPDX-License-Identifier: ISC
// Many who begin at the same moment, as after a restart of their server: what it allows to those
// who have not authenticated lets all of them in within seconds. Beside a flood of silent ones,
// too.

#include <criterion/criterion.h>

#include "tests/sim/world.h"

namespace vpnd::sim {
namespace {

using namespace std::chrono_literals;

engine::ServerSettings roomy_server() {
  engine::ServerSettings s = server_settings();
  s.pool_v4 = *Prefix::parse("10.88.0.0/20");
  s.server_v4 = *Address::parse("10.88.15.254");
  s.first_lease.reset();
  return s;
}

// Whether so many clients from so many addresses, who begin now, are all up in that time.
bool all_up(Network& net, std::uint32_t clients, std::uint32_t sources, Duration limit) {
  engine::Room room;
  room.slots = 8;
  std::vector<const Host*> hosts;
  for (std::uint32_t i = 0; i < clients; ++i) {
    engine::ClientSettings s = client_settings(1);
    store_le32(s.instance.data(), i);
    const Endpoint from = outside(static_cast<std::uint8_t>(i % sources));
    hosts.push_back(&net.add_client(std::move(s), from, room));
  }
  const auto all = [&] {
    return std::ranges::all_of(hosts, [](const Host* h) { return is_up(*h); });
  };
  return net.run_until(all, limit);
}

Test(crowd, a_thousand_from_64_addresses_are_up_within_seconds) {
  Network net(1);
  net.start_server(roomy_server());
  cr_assert(all_up(net, 1000, 64, 5s));
}

Test(crowd, a_hundred_behind_one_address_are_up_within_seconds) {
  Network net(2);
  net.start_server(roomy_server());
  cr_assert(all_up(net, 100, 1, 5s));
}

// A place is held for two round trips, and those who found none try again all together.
Test(crowd, so_are_a_hundred_behind_one_far_address) {
  Network net(3);
  net.delay = 150ms;
  net.start_server(roomy_server());
  cr_assert(all_up(net, 100, 1, 5s));
}

Test(crowd, silent_strangers_from_elsewhere_do_not_keep_them_out) {
  Network net(4);
  net.start_server(roomy_server());
  for (std::uint32_t i = 0; i < 1000; ++i) {
    net.stranger({Address::v4(203, 0, 113, static_cast<std::uint8_t>(i % 200)), 4000});
  }
  net.run_for(1s);
  cr_assert(all_up(net, 100, 64, 5s));
}

}  // namespace
}  // namespace vpnd::sim
