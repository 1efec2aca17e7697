// SPDX-License-Identifier: ISC
// A burst of packets into the queue of one connection and out again as records: of one flow, and of
// as many flows as packets.

#include "core/engine/flow_queue.h"
#include "tests/bench/bench.h"

namespace vpnd::bench {
namespace {

constexpr std::size_t kSlots = 40, kBurst = 32;
constexpr engine::QueueLimits kLimits{4 * 1024 * 1024, 2048, 16 * 1024, wire::kMaxPlaintext};

void push_and_pop(benchmark::State& state) {
  wire::Pool pool(kSlots);
  engine::Flows flows(kSlots);
  engine::FlowQueue queue(flows);
  const auto size = static_cast<std::size_t>(state.range(0));
  const auto different = static_cast<std::uint64_t>(state.range(1));
  const engine::Pace pace = engine::pace_for({});
  std::size_t lost = 0;
  wire::Slot slot;
  for (auto _ : state) {
    for (std::uint64_t i = 0; i < kBurst; ++i) {
      if (!slot) slot = pool.take();
      if (queue.push(slot, {size, {}, i % different, {}}, kLimits) != Drop::none) {
        return state.SkipWithError("the queue is full");
      }
    }
    while (!queue.empty()) benchmark::DoNotOptimize(queue.pop({}, pace, lost));
  }
  const std::int64_t packets = state.iterations() * static_cast<std::int64_t>(kBurst);
  set_rates(state, packets, packets * state.range(0));
}
BENCHMARK(push_and_pop)
    ->ArgNames({"bytes", "flows"})
    ->ArgsProduct({{64, 1400, 16'000, 65'000}, {1, 32}});

}  // namespace
}  // namespace vpnd::bench
