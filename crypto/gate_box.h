// SPDX-License-Identifier: ISC
#pragma once

// XChaCha20-Poly1305-IETF for the two opening messages, and the ChaCha20 key stream that masks
// record headers.

#include <cstdint>
#include <span>

#include "crypto/secret.h"

namespace vpnd::crypto {

// out = ciphertext and 16-byte tag; out.size() == text.size() + 16.
void gate_seal(const Key& key, std::span<const std::uint8_t, 24> nonce,
               std::span<const std::uint8_t> ad, std::span<const std::uint8_t> text,
               std::span<std::uint8_t> out) noexcept;
[[nodiscard]] bool gate_open(const Key& key, std::span<const std::uint8_t, 24> nonce,
                             std::span<const std::uint8_t> ad, std::span<const std::uint8_t> sealed,
                             std::span<std::uint8_t> text) noexcept;
// Block number `block` of ChaCha20-IETF under key and a zero nonce: 64 bytes of key stream.
void mask_block(const Key& key, std::uint32_t block, std::span<std::uint8_t, 64> out) noexcept;

}  // namespace vpnd::crypto
