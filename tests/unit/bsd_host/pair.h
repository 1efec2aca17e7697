// SPDX-License-Identifier: ISC
#pragma once

#include <criterion/criterion.h>

#include <optional>

#include "tests/sim/world.h"
#include "tests/unit/bsd_host/host_lab.h"

namespace vpnd::test {

// A server and a client of it that are up.
struct Pair {
  Bench bench;
  Tunnel server{bench.server(), bench.places};
  std::optional<Tunnel> client;

  explicit Pair(const host::Caution& caution = {}, const host::ReadAgain& again = {}) {
    cr_assert(soon([this] { return serves(bench.places); }), "%s", server.log().c_str());
    client.emplace(bench.client(), bench.client_places, caution, again);
    cr_assert(soon([this] { return is_up(bench.client_places); }), "%s", client->log().c_str());
  }
  Address inner() const {
    const auto status = status_of("", bench.client_places);
    cr_assert(status && !status->addresses.empty());
    return Prefix::parse(status->addresses.front()).value().address;
  }
  bool passes(std::uint32_t number) {
    const Address far = Address::v4(192, 0, 2, 77);
    const Raw out = sim::make_packet(inner(), far, 1, number, 600);
    const Raw back = sim::make_packet(far, inner(), 2, number, 900);
    client->give(out);
    if (server.take() != out) return false;
    server.give(back);
    return client->take() == back;
  }
};

}  // namespace vpnd::test
