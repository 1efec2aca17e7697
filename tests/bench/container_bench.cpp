// SPDX-License-Identifier: ISC
// Many small packets in one record: reading the container.

#include <vector>

#include "core/wire/container.h"
#include "tests/bench/bench.h"

namespace vpnd::bench {
namespace {

constexpr std::size_t kContainer = 16 * 1024;

void read_container(benchmark::State& state) {
  const auto size = static_cast<std::uint16_t>(state.range(0));
  const std::size_t entry = wire::kEntryHeader + size;
  std::vector<std::uint8_t> plaintext(kContainer / entry * entry);
  for (std::size_t at = 0; at < plaintext.size(); at += entry) {
    wire::write_entry_header(&plaintext[at], size, {});
  }
  std::int64_t packets = 0;
  for (auto _ : state) {
    wire::ContainerReader reader(plaintext);
    while (auto packet = reader.next()) {
      benchmark::DoNotOptimize(packet);
      ++packets;
    }
    if (!reader.ok()) return state.SkipWithError("the container is malformed");
  }
  set_rates(state, packets, packets * size);
}
BENCHMARK(read_container)->Arg(40)->Arg(64)->Arg(256)->Arg(1400);

}  // namespace
}  // namespace vpnd::bench
