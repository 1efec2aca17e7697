// SPDX-License-Identifier: ISC
#pragma once

// Who is asking, for limits: an IPv4 address, or the /64 of an IPv6 one, since a /64 is what one
// subscriber gets. An IPv4-mapped address counts as IPv4; else all of them would share one /64.

#include <cstdint>

#include "core/base/addr.h"

namespace vpnd::engine {

struct Source {
  std::uint64_t bits = 0;
  bool v6 = false;
  friend auto operator<=>(const Source&, const Source&) noexcept = default;
};

Source source_of(const Address&) noexcept;

// Seeded, so that nobody outside can aim at one bucket of a table.
struct SourceHash {
  std::uint64_t seed = 0;
  std::size_t operator()(const Source&) const noexcept;
};

// A bijective mixer of 64 bits.
constexpr std::uint64_t mix_bits(std::uint64_t x) noexcept {
  x = (x ^ (x >> 32)) * 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 29)) * 0xd6e8feb86659fd93u;
  return x ^ (x >> 32);
}

}  // namespace vpnd::engine
