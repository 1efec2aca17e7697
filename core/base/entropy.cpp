// SPDX-License-Identifier: ISC
#include "core/base/entropy.h"

namespace vpnd {

std::uint32_t uniform(const Entropy& entropy, std::uint32_t bound) {
  // Rejection keeps it unbiased: draws below 2^32 mod bound would favour the low values. More than
  // half of all draws are accepted, so only a source that is broken reaches the last turn.
  const std::uint32_t reject_below = (0u - bound) % bound;
  std::uint32_t draw = 0;
  for (int turn = 0; turn < 128; ++turn) {
    ByteArray<4> raw{};
    entropy(raw);
    draw = load_le32(raw.data());
    if (draw >= reject_below) break;
  }
  return draw % bound;
}

}  // namespace vpnd
