// SPDX-License-Identifier: ISC
#pragma once

// What every fuzz target needs: a ready library, an oracle that stops, and input taken in pieces.

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "core/base/bytes.h"
#include "crypto/random.h"

namespace vpnd::fuzz {

inline const bool kReady = (crypto::init(), true);

inline void must(bool holds) {
  if (!holds) std::abort();
}

using Buffer = std::vector<std::uint8_t>;

// Parts of the input from its front; zeros when it is used up.
struct Input {
  Bytes rest;
  bool empty() const { return rest.empty(); }
  std::uint8_t byte() {
    if (rest.empty()) return 0;
    const std::uint8_t b = rest.front();
    rest = rest.subspan(1);
    return b;
  }
  std::uint16_t word() {
    const std::uint8_t low = byte();
    return static_cast<std::uint16_t>(low | byte() << 8);
  }
  Buffer take(std::size_t n) {
    n = std::min(n, rest.size());
    Buffer out(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(n));
    rest = rest.subspan(n);
    return out;
  }
};

// Entropy for channels.
inline void ones(MutBytes out) {
  std::ranges::fill(out, std::uint8_t{0xff});
}

}  // namespace vpnd::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
