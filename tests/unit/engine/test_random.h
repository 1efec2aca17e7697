// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <random>

#include "core/base/entropy.h"

namespace vpnd::test {

// Randomness that is the same in each run. The generator must outlive the function.
inline Entropy entropy_of(std::mt19937& random) {
  return [&random](MutBytes out) {
    for (auto& b : out) b = static_cast<std::uint8_t>(random());
  };
}

inline std::uint32_t below(std::mt19937& random, std::uint32_t bound) {
  return static_cast<std::uint32_t>(random() % bound);
}

}  // namespace vpnd::test
