// SPDX-License-Identifier: ISC
#include "core/base/entropy.h"

namespace vpnd {

std::uint32_t uniform(const Entropy& entropy, std::uint32_t bound) {
  // Rejection keeps it unbiased: draws below 2^32 mod bound would favour the low values.
  const std::uint32_t reject_below = (0u - bound) % bound;
  for (;;) {
    ByteArray<4> raw{};
    entropy(raw);
    const std::uint32_t draw = load_le32(raw.data());
    if (draw >= reject_below) return draw % bound;
  }
}

}  // namespace vpnd
