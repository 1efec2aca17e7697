// SPDX-License-Identifier: ISC
#pragma once

// What the benchmarks share.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>

#include "crypto/aead.h"

namespace vpnd::bench {

inline constexpr std::int64_t kSizes[] = {64, 1400, 16 * 1024, 64 * 1024};

// How many texts of that size are made ready at once, without being timed, where a text is used up.
inline std::int64_t ready_at_once(std::int64_t size) {
  return std::clamp<std::int64_t>(1024 * 1024 / size, 1, 1024);
}

// Rates of what was done in all iterations together.
inline void set_rates(benchmark::State& state, std::int64_t items, std::int64_t bytes) {
  state.SetItemsProcessed(items);
  state.SetBytesProcessed(bytes);
}

// `run` with each size, once for each cipher that this machine offers.
void for_each_cipher(const std::string& name, void (*run)(benchmark::State&, crypto::Cipher));

void add_aead();
void add_records();

}  // namespace vpnd::bench
