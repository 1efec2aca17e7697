// SPDX-License-Identifier: ISC
#include "crypto/kx.h"

#include <sodium.h>

namespace vpnd::crypto {

PublicKey public_key(const Key& secret) {
  PublicKey out{};
  crypto_scalarmult_base(out.data(), secret.bytes().data());
  return out;
}

bool low_order(std::span<const std::uint8_t, 32> point) noexcept {
  // The order of a point on the curve or its twist divides 8 for u = 0, 1, p - 1 and two others;
  // p and p + 1 are second spellings of 0 and 1. X25519 ignores bit 255.
  static constexpr std::uint8_t kOrder8[2][32] = {
      {0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
       0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
       0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
      {0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1,
       0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c,
       0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57}};
  const auto top = static_cast<std::uint8_t>(point[31] & 0x7f);
  std::uint8_t small = top, near_p = static_cast<std::uint8_t>(top ^ 0x7f);
  std::uint8_t order8[2] = {static_cast<std::uint8_t>(top ^ kOrder8[0][31]),
                            static_cast<std::uint8_t>(top ^ kOrder8[1][31])};
  for (std::size_t i = 0; i < 31; ++i) {
    if (i != 0) small = static_cast<std::uint8_t>(small | point[i]);
    if (i != 0) near_p = static_cast<std::uint8_t>(near_p | (point[i] ^ 0xff));
    for (std::size_t k = 0; k < 2; ++k) {
      order8[k] = static_cast<std::uint8_t>(order8[k] | (point[i] ^ kOrder8[k][i]));
    }
  }
  return (small == 0 && point[0] <= 1) || (near_p == 0 && point[0] >= 0xec && point[0] <= 0xee) ||
         order8[0] == 0 || order8[1] == 0;
}

std::optional<Key> shared_secret(const Key& own, std::span<const std::uint8_t, 32> theirs) {
  Key out;
  if (crypto_scalarmult(out.mut().data(), own.bytes().data(), theirs.data()) != 0) {
    return std::nullopt;
  }
  return out;
}

}  // namespace vpnd::crypto
