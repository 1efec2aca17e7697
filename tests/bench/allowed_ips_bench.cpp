// SPDX-License-Identifier: ISC
// Whose is this address, among many clients.

#include <random>
#include <vector>

#include "core/engine/allowed_ips.h"
#include "tests/bench/bench.h"

namespace vpnd::bench {
namespace {

Address inner(bool v6, std::size_t client) {
  ByteArray<16> raw{0xfd, 0x12, 0x34, 0x56, 0x78, 0x9a};
  if (!v6) raw[0] = 10;
  const std::size_t last = v6 ? 14 : 2;
  store_be16(&raw[last], static_cast<std::uint16_t>(client + 1));
  return v6 ? Address::v6(raw) : Address::v4(Bytes(raw).first(4));
}

// As a server has it: both addresses of each client, looked up in no order. Arguments: clients,
// IPv6, of a stranger.
void find_owner(benchmark::State& state) {
  const auto clients = static_cast<std::size_t>(state.range(0));
  const bool v6 = state.range(1) != 0, stranger = state.range(2) != 0;
  engine::AllowedIps owners;
  std::vector<Address> asked;
  for (std::size_t i = 0; i < clients; ++i) {
    owners.insert(Prefix::host(inner(false, i)), static_cast<std::uint32_t>(i));
    owners.insert(Prefix::host(inner(true, i)), static_cast<std::uint32_t>(i));
    asked.push_back(inner(v6, stranger ? clients + i : i));
  }
  std::shuffle(asked.begin(), asked.end(), std::mt19937(1));
  std::size_t next = 0;
  for (auto _ : state) {
    const auto owner = owners.find(asked[next]);
    if (owner.has_value() == stranger) return state.SkipWithError("found the wrong owner");
    next = next + 1 == asked.size() ? 0 : next + 1;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(find_owner)
    ->ArgNames({"clients", "v6", "stranger"})
    ->ArgsProduct({{1, 10'000}, {0, 1}, {0, 1}});

}  // namespace
}  // namespace vpnd::bench
