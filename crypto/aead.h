// SPDX-License-Identifier: ISC
#pragma once

// The data ciphers, in place with a detached tag (RFC 8439; NIST SP 800-38D;
// draft-irtf-cfrg-aegis-aead). Nonces are made of a 64-bit number: ChaCha20-Poly1305
// 4 zero bytes and LE64, AES-256-GCM 4 zero bytes and BE64, AEGIS-256 LE64 and 24 zero bytes.

#include <cstddef>
#include <cstdint>
#include <span>

#include "crypto/nonce.h"
#include "crypto/secret.h"

namespace vpnd::crypto {

enum class Cipher : std::uint8_t { chacha20_poly1305 = 1, aes256_gcm = 2, aegis256 = 4 };

constexpr std::size_t tag_length(Cipher c) noexcept {
  return c == Cipher::aegis256 ? 32 : 16;
}
inline constexpr std::size_t kMaxTag = 32;

// What the offer depends on, as libsodium knows the processor.
struct Processor {
  bool aesni = false, pclmul = false, avx = false;  // of x86
  bool arm_crypto = false;
  bool gcm = false;  // the library has AES-256-GCM for it
};
Processor this_processor() noexcept;  // pre: init()

// Bits of the ciphers this build offers on it; bit value = cipher id.
std::uint16_t offered_ciphers(const Processor&) noexcept;
std::uint16_t offered_ciphers() noexcept;  // on this_processor()

// One key, with its expansion where the cipher has one.
class AeadKey {
 public:
  AeadKey(Cipher cipher, const Key& key);
  AeadKey(AeadKey&&) noexcept = default;
  AeadKey& operator=(AeadKey&&) noexcept = default;

  Cipher cipher() const noexcept { return cipher_; }
  // text is encrypted where it lies; tag.size() >= tag_length(cipher()).
  void seal(Nonce nonce, std::span<const std::uint8_t> ad, std::span<std::uint8_t> text,
            std::span<std::uint8_t> tag) const noexcept;
  // False: nothing was decrypted that may be used.
  [[nodiscard]] bool open(Nonce nonce, std::span<const std::uint8_t> ad,
                          std::span<std::uint8_t> text,
                          std::span<const std::uint8_t> tag) const noexcept;

 private:
  Cipher cipher_;
  Secret<512> state_;  // the raw key in front, or AES-GCM's expansion of it
};

}  // namespace vpnd::crypto
