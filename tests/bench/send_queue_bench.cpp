// SPDX-License-Identifier: ISC
// A burst of packets into the queue of one connection and out again as records.

#include "core/engine/send_queue.h"
#include "tests/bench/bench.h"

namespace vpnd::bench {
namespace {

constexpr std::size_t kSlots = 40, kBurst = 32;
constexpr engine::QueueLimits kLimits{4 * 1024 * 1024, 2048, 16 * 1024, wire::kMaxPlaintext};

void push_and_pop(benchmark::State& state) {
  wire::Pool pool(kSlots);
  engine::SlotNodes nodes(kSlots);
  engine::SendQueue queue(nodes);
  const auto size = static_cast<std::size_t>(state.range(0));
  wire::Slot slot;
  for (auto _ : state) {
    for (std::size_t i = 0; i < kBurst; ++i) {
      if (!slot) slot = pool.take();
      if (queue.push(slot, size, {}, kLimits) != Drop::none) {
        return state.SkipWithError("the queue is full");
      }
    }
    while (!queue.empty()) benchmark::DoNotOptimize(queue.pop());
  }
  const std::int64_t packets = state.iterations() * static_cast<std::int64_t>(kBurst);
  set_rates(state, packets, packets * state.range(0));
}
BENCHMARK(push_and_pop)->Arg(64)->Arg(1400)->Arg(16'000)->Arg(65'000);

}  // namespace
}  // namespace vpnd::bench
