// SPDX-License-Identifier: ISC
#include "crypto/aead.h"

#include <criterion/criterion.h>

#include <array>
#include <cstdio>
#include <vector>

#include "crypto/gate_box.h"
#include "crypto/random.h"
#include "tests/support/vectors.h"

using namespace vpnd::crypto;
using vpnd::test::flipped;
using vpnd::test::json;
using Buffer = std::vector<std::uint8_t>;

namespace {

void start() {
  init();
}

constexpr std::array kAll{Cipher::chacha20_poly1305, Cipher::aes256_gcm, Cipher::aegis256};

const char* name(Cipher c) {
  switch (c) {
    case Cipher::chacha20_poly1305:
      return "ChaCha20-Poly1305";
    case Cipher::aes256_gcm:
      return "AES-256-GCM";
    case Cipher::aegis256:
      return "AEGIS-256";
  }
  return "?";
}

// False, and said aloud: nothing was tested.
bool built(Cipher c) {
  if ((offered_ciphers() & static_cast<unsigned>(c)) != 0) return true;
  std::printf("%s is not built or not supported by this processor: NOT tested\n", name(c));
  std::fflush(stdout);
  return false;
}

Nonce nonce(std::uint64_t n) {
  auto counter = NonceCounter::starting_at(n);
  return counter.take();
}

// Record layer of PROTOCOL.md 5, by hand: opens one known record and seals it again.
void check_record(const json& v, const json& r, Cipher cipher) {
  const bool c2s = vpnd::test::text(r, "dir") == "c2s";
  const AeadKey key(cipher, vpnd::test::key(v, c2s ? "ek_c2s" : "ek_s2c"));
  const auto counter = r.at("counter").get<std::uint64_t>();
  const auto plain = vpnd::test::bytes(r, "plaintext");
  const auto wire = vpnd::test::bytes(r, "wire");
  std::array<std::uint8_t, 64> mask{};
  mask_block(vpnd::test::key(v, c2s ? "hk_c2s" : "hk_s2c"),
             static_cast<std::uint32_t>(counter / 16), mask);
  std::array<std::uint8_t, 4> header{};
  for (std::size_t i = 0; i < 4; ++i) {
    header[i] = static_cast<std::uint8_t>(wire[i] ^ mask[4 * (counter % 16) + i]);
  }
  cr_assert_eq(header[0] | (header[1] << 8), static_cast<int>(plain.size()));
  cr_assert_eq(header[2], r.at("type").get<int>() << 1);
  Buffer text(wire.begin() + 4, wire.begin() + 4 + static_cast<std::ptrdiff_t>(plain.size()));
  const Buffer tag(wire.begin() + 4 + static_cast<std::ptrdiff_t>(plain.size()), wire.end());
  cr_assert_eq(tag.size(), tag_length(cipher));
  const Buffer sealed = text;
  cr_assert(key.open(nonce(counter), header, text, tag));
  cr_assert(text == plain);
  Buffer tag2(kMaxTag);
  key.seal(nonce(counter), header, text, tag2);
  tag2.resize(tag_length(cipher));
  cr_assert(text == sealed);
  cr_assert(tag2 == tag);
}

}  // namespace

TestSuite(aead, .init = start);

Test(aead, chacha_is_always_offered) {
  cr_assert_neq(offered_ciphers() & 1, 0);
  cr_assert_eq(offered_ciphers() & ~7, 0);
}

Test(aead, records_of_the_known_answers) {
  const json file = vpnd::test::load_json("vpnd1-draft-kat.json");
  int seen = 0;
  for (const Cipher cipher : kAll) {
    if (!built(cipher)) continue;
    for (const json& v : file.at("vectors")) {
      if (v.at("cipher_id").get<int>() != static_cast<int>(cipher)) continue;
      if (vpnd::test::text(v, "transport") != "stream") continue;
      for (const json& r : v.at("records")) {
        check_record(v, r, cipher);
        ++seen;
      }
    }
  }
  cr_assert(seen >= 16);
}

Test(aead, one_wrong_bit_anywhere_is_refused) {
  const Key secret = random_key();
  for (const Cipher cipher : kAll) {
    if (!built(cipher)) continue;
    const AeadKey key(cipher, secret);
    const Buffer ad{1, 2, 3, 4}, plain(50, 0x33);
    Buffer sealed = plain, tag(tag_length(cipher));
    key.seal(nonce(7), ad, sealed, tag);
    const auto opens = [&](std::uint64_t n, const Buffer& a, Buffer text, const Buffer& t) {
      return key.open(nonce(n), a, text, t) && text == plain;
    };
    cr_assert(opens(7, ad, sealed, tag));
    cr_assert(!opens(8, ad, sealed, tag));
    cr_assert(!opens(7, ad, sealed, Buffer(tag.begin(), tag.end() - 1)));
    for (std::size_t i = 0; i < 8 * ad.size(); ++i) {
      cr_assert(!opens(7, flipped(ad, i / 8, i % 8), sealed, tag));
    }
    for (std::size_t i = 0; i < 8 * sealed.size(); ++i) {
      cr_assert(!opens(7, ad, flipped(sealed, i / 8, i % 8), tag));
    }
    for (std::size_t i = 0; i < 8 * tag.size(); ++i) {
      cr_assert(!opens(7, ad, sealed, flipped(tag, i / 8, i % 8)));
    }
    const AeadKey other(cipher, random_key());
    cr_assert(!other.open(nonce(7), ad, sealed, tag));
  }
}

Test(aead, keys_move) {
  const Key secret = random_key();
  for (const Cipher cipher : kAll) {
    if (!built(cipher)) continue;
    AeadKey a(cipher, secret);
    AeadKey b(std::move(a));
    AeadKey c(cipher, random_key());
    c = std::move(b);
    Buffer text(20, 1), tag(kMaxTag);
    c.seal(nonce(0), {}, text, tag);
    cr_assert(AeadKey(cipher, secret).open(nonce(0), {}, text, tag));
  }
}

Test(aead, a_cipher_that_is_not_offered_is_refused) {
  for (const Cipher cipher : kAll) {
    if ((offered_ciphers() & static_cast<unsigned>(cipher)) != 0) continue;
    cr_assert_throw(AeadKey(cipher, random_key()), std::logic_error);
  }
}

Test(aead, counter_hands_out_each_number_once) {
  NonceCounter a = NonceCounter::starting_at(5);
  cr_assert_eq(a.take().number(), 5u);
  NonceCounter b(std::move(a));
  cr_assert(a.spent());
  cr_assert_eq(b.take().number(), 6u);
  NonceCounter last = NonceCounter::starting_at(~std::uint64_t{0} - 1);
  cr_assert(!last.spent());
  cr_assert_eq(last.take().number(), ~std::uint64_t{0} - 1);
  cr_assert(last.spent());
  (void)last.take();
  cr_assert(last.spent());  // it does not wrap
}
