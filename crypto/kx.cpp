// SPDX-License-Identifier: ISC
#include "crypto/kx.h"

#include <sodium.h>

namespace vpnd::crypto {

PublicKey public_key(const Key& secret) {
  PublicKey out{};
  crypto_scalarmult_base(out.data(), secret.bytes().data());
  return out;
}

std::optional<Key> shared_secret(const Key& own, std::span<const std::uint8_t, 32> theirs) {
  Key out;
  if (crypto_scalarmult(out.mut().data(), own.bytes().data(), theirs.data()) != 0) {
    return std::nullopt;
  }
  return out;
}

}  // namespace vpnd::crypto
