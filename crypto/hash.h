// SPDX-License-Identifier: ISC
#pragma once

// BLAKE2b (RFC 7693), HMAC over it (RFC 2104, 128-byte block), and the Noise key derivation (Noise
// specification rev. 34, section 4.3).

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>

#include "crypto/secret.h"

namespace vpnd::crypto {

using Hash = std::array<std::uint8_t, 64>;

Hash hash(std::initializer_list<std::span<const std::uint8_t>> parts);

// B(key, data) of PROTOCOL.md: keyed BLAKE2b, 32 bytes out, the parts joined; B16 gives 16.
Key derive(std::span<const std::uint8_t> key,
           std::initializer_list<std::span<const std::uint8_t>> parts);
std::array<std::uint8_t, 16> mac16(std::span<const std::uint8_t> key,
                                   std::initializer_list<std::span<const std::uint8_t>> parts);

// Noise HKDF: outputs of 64 bytes each from a 64-byte chaining key.
struct Hkdf2 {
  Secret<64> first, second;
};
struct Hkdf3 {
  Secret<64> first, second, third;
};
Hkdf2 hkdf2(const Secret<64>& chaining_key, std::span<const std::uint8_t> input);
Hkdf3 hkdf3(const Secret<64>& chaining_key, std::span<const std::uint8_t> input);

// SipHash-2-4: for tables, so that whoever fills them cannot choose where.
using ShortHashKey = std::array<std::uint8_t, 16>;
std::uint64_t short_hash(const ShortHashKey&, std::span<const std::uint8_t> bytes) noexcept;

bool equal(std::span<const std::uint8_t> a,
           std::span<const std::uint8_t> b) noexcept;  // const time
void wipe(std::span<std::uint8_t> bytes) noexcept;

}  // namespace vpnd::crypto
