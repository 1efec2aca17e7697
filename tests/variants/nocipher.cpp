// SPDX-License-Identifier: ISC
// vpnd whose data ciphers do nothing: what everything but the cipher costs, as tools/bench measures
// it. Only two of these understand each other.

#include <algorithm>
#include <array>

#include "crypto/aead.h"

namespace vpnd::crypto {

extern const char kTestVariant[];
const char kTestVariant[] = "vpnd-test-variant: nocipher";

namespace {

// Stands where the tag is: records still have to come in order.
std::array<std::uint8_t, 8> name_of(Nonce nonce) noexcept {
  std::array<std::uint8_t, 8> out{};
  for (unsigned i = 0; i < 8; ++i) out[i] = static_cast<std::uint8_t>(nonce.number() >> (8 * i));
  return out;
}

}  // namespace

Processor this_processor() noexcept {
  return {};
}

std::uint16_t offered_ciphers(const Processor&) noexcept {
  return static_cast<std::uint16_t>(Cipher::chacha20_poly1305);
}

std::uint16_t offered_ciphers() noexcept {
  return offered_ciphers(this_processor());
}

AeadKey::AeadKey(Cipher cipher, const Key&) : cipher_(cipher) {}

void AeadKey::seal(Nonce nonce, std::span<const std::uint8_t>, std::span<std::uint8_t>,
                   std::span<std::uint8_t> tag) const noexcept {
  const auto name = name_of(nonce);
  std::copy(name.begin(), name.end(), tag.begin());
  std::fill(tag.begin() + name.size(), tag.end(), std::uint8_t{0});
}

bool AeadKey::open(Nonce nonce, std::span<const std::uint8_t>, std::span<std::uint8_t>,
                   std::span<const std::uint8_t> tag) const noexcept {
  const auto name = name_of(nonce);
  return tag.size() >= name.size() && std::equal(name.begin(), name.end(), tag.begin());
}

}  // namespace vpnd::crypto
