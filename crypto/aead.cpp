// SPDX-License-Identifier: ISC
#include "crypto/aead.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#if SODIUM_LIBRARY_VERSION_MAJOR >= 26 && __has_include(<sodium/crypto_aead_aegis256.h>)
#define VPND_HAVE_AEGIS 1  // libsodium 1.0.19 and later
#else
#define VPND_HAVE_AEGIS 0
#endif

namespace vpnd::crypto {
namespace {

static_assert(sizeof(crypto_aead_aes256gcm_state) <= 512);
static_assert(alignof(crypto_aead_aes256gcm_state) <= 16);  // that of a Secret
#if VPND_HAVE_AEGIS
static_assert(crypto_aead_aegis256_KEYBYTES == 32 && crypto_aead_aegis256_NPUBBYTES == 32);
static_assert(crypto_aead_aegis256_ABYTES == tag_length(Cipher::aegis256));
#endif

constexpr std::uint16_t bit(Cipher c) noexcept {
  return static_cast<std::uint16_t>(c);
}

std::array<std::uint8_t, 12> little_endian(Nonce nonce) noexcept {
  std::array<std::uint8_t, 12> out{};
  for (unsigned i = 0; i < 8; ++i) {
    out[4 + i] = static_cast<std::uint8_t>(nonce.number() >> (8 * i));
  }
  return out;
}

std::array<std::uint8_t, 12> big_endian(Nonce nonce) noexcept {
  auto out = little_endian(nonce);
  std::reverse(out.begin() + 4, out.end());
  return out;
}

const crypto_aead_aes256gcm_state* expanded(const Secret<512>& state) noexcept {
  return reinterpret_cast<const crypto_aead_aes256gcm_state*>(state.bytes().data());
}

#if VPND_HAVE_AEGIS
std::array<std::uint8_t, 32> aegis_nonce(Nonce nonce) noexcept {
  std::array<std::uint8_t, 32> out{};
  const auto number = little_endian(nonce);
  std::copy(number.begin() + 4, number.end(), out.begin());
  return out;
}
#endif

// libsodium declares its pointers never null; an empty span's may be.
std::uint8_t* at(std::span<std::uint8_t> text) noexcept {
  static std::uint8_t nothing;
  return text.empty() ? &nothing : text.data();
}

}  // namespace

Processor this_processor() noexcept {
  Processor p;
  p.aesni = sodium_runtime_has_aesni() != 0;
  p.pclmul = sodium_runtime_has_pclmul() != 0;
  p.avx = sodium_runtime_has_avx() != 0;
#if SODIUM_LIBRARY_VERSION_MAJOR >= 26
  p.arm_crypto = sodium_runtime_has_armcrypto() != 0;
#endif
  p.gcm = crypto_aead_aes256gcm_is_available() != 0;
  return p;
}

std::uint16_t offered_ciphers(const Processor& p) noexcept {
  std::uint16_t bits = bit(Cipher::chacha20_poly1305);
  const bool aes = p.arm_crypto || (p.aesni && p.pclmul);
  if (aes && p.gcm) bits |= bit(Cipher::aes256_gcm);
  // Without AVX libsodium computes it in software, slower than ChaCha20-Poly1305.
  const bool fast = p.arm_crypto || p.avx;
  if (aes && fast && VPND_HAVE_AEGIS != 0) bits |= bit(Cipher::aegis256);
  return bits;
}

std::uint16_t offered_ciphers() noexcept {
  return offered_ciphers(this_processor());
}

AeadKey::AeadKey(Cipher cipher, const Key& key) : cipher_(cipher) {
  if ((offered_ciphers() & bit(cipher)) == 0) {
    throw std::logic_error("a data cipher that this machine does not offer");
  }
  if (cipher == Cipher::aes256_gcm) {
    crypto_aead_aes256gcm_beforenm(
        reinterpret_cast<crypto_aead_aes256gcm_state*>(state_.mut().data()), key.bytes().data());
  } else {
    std::copy(key.bytes().begin(), key.bytes().end(), state_.mut().begin());
  }
}

void AeadKey::seal(Nonce nonce, std::span<const std::uint8_t> ad, std::span<std::uint8_t> text,
                   std::span<std::uint8_t> tag) const noexcept {
  switch (cipher_) {
    case Cipher::chacha20_poly1305:
      crypto_aead_chacha20poly1305_ietf_encrypt_detached(
          at(text), tag.data(), nullptr, at(text), text.size(), ad.data(), ad.size(), nullptr,
          little_endian(nonce).data(), state_.bytes().data());
      return;
    case Cipher::aes256_gcm:
      crypto_aead_aes256gcm_encrypt_detached_afternm(at(text), tag.data(), nullptr, at(text),
                                                     text.size(), ad.data(), ad.size(), nullptr,
                                                     big_endian(nonce).data(), expanded(state_));
      return;
    case Cipher::aegis256:
#if VPND_HAVE_AEGIS
      crypto_aead_aegis256_encrypt_detached(at(text), tag.data(), nullptr, at(text), text.size(),
                                            ad.data(), ad.size(), nullptr,
                                            aegis_nonce(nonce).data(), state_.bytes().data());
#endif
      return;
  }
}

bool AeadKey::open(Nonce nonce, std::span<const std::uint8_t> ad, std::span<std::uint8_t> text,
                   std::span<const std::uint8_t> tag) const noexcept {
  if (tag.size() < tag_length(cipher_)) return false;
  switch (cipher_) {
    case Cipher::chacha20_poly1305:
      return crypto_aead_chacha20poly1305_ietf_decrypt_detached(
                 at(text), nullptr, at(text), text.size(), tag.data(), ad.data(), ad.size(),
                 little_endian(nonce).data(), state_.bytes().data()) == 0;
    case Cipher::aes256_gcm:
      return crypto_aead_aes256gcm_decrypt_detached_afternm(
                 at(text), nullptr, at(text), text.size(), tag.data(), ad.data(), ad.size(),
                 big_endian(nonce).data(), expanded(state_)) == 0;
    case Cipher::aegis256:
#if VPND_HAVE_AEGIS
      return crypto_aead_aegis256_decrypt_detached(
                 at(text), nullptr, at(text), text.size(), tag.data(), ad.data(), ad.size(),
                 aegis_nonce(nonce).data(), state_.bytes().data()) == 0;
#else
      return false;
#endif
  }
  return false;
}

}  // namespace vpnd::crypto
