// SPDX-License-Identifier: ISC
#include "crypto/gate_box.h"

#include <sodium.h>

#include <array>

namespace vpnd::crypto {

void gate_seal(const Key& key, std::span<const std::uint8_t, 24> nonce,
               std::span<const std::uint8_t> ad, std::span<const std::uint8_t> text,
               std::span<std::uint8_t> out) noexcept {
  crypto_aead_xchacha20poly1305_ietf_encrypt(out.data(), nullptr, text.data(), text.size(),
                                             ad.data(), ad.size(), nullptr, nonce.data(),
                                             key.bytes().data());
}

bool gate_open(const Key& key, std::span<const std::uint8_t, 24> nonce,
               std::span<const std::uint8_t> ad, std::span<const std::uint8_t> sealed,
               std::span<std::uint8_t> text) noexcept {
  constexpr std::size_t kTag = crypto_aead_xchacha20poly1305_ietf_ABYTES;
  if (sealed.size() < kTag || text.size() < sealed.size() - kTag) return false;
  return crypto_aead_xchacha20poly1305_ietf_decrypt(text.data(), nullptr, nullptr, sealed.data(),
                                                    sealed.size(), ad.data(), ad.size(),
                                                    nonce.data(), key.bytes().data()) == 0;
}

void mask_block(const Key& key, std::uint32_t block, std::span<std::uint8_t, 64> out) noexcept {
  static constexpr std::array<std::uint8_t, 64> kZero{};
  crypto_stream_chacha20_ietf_xor_ic(out.data(), kZero.data(), kZero.size(), kZero.data(), block,
                                     key.bytes().data());
}

}  // namespace vpnd::crypto
