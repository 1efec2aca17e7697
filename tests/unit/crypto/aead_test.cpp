// SPDX-License-Identifier: ISC
#include "crypto/aead.h"

#include <criterion/criterion.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <string>
#include <tuple>
#include <vector>

#include "crypto/gate_box.h"
#include "crypto/random.h"
#include "tests/vectors/vectors.h"

using namespace vpnd::crypto;
using vpnd::test::flipped;
using vpnd::test::Value;
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
void check_record(const Value& v, const Value& r, Cipher cipher) {
  const bool c2s = vpnd::test::text(r, "dir") == "c2s";
  const AeadKey key(cipher, vpnd::test::key(v, c2s ? "ek_c2s" : "ek_s2c"));
  const auto counter = r.at("counter").number<std::uint64_t>();
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
  cr_assert_eq(header[2], r.at("type").number<int>() << 1);
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

// draft-irtf-cfrg-aegis-aead, test vectors of AEGIS-256 with the tag of 256 bits. All of its nonces
// happen to be such as ours: a small number in front, then zeros.
struct AegisVector {
  const char *key, *nonce, *ad, *text, *sealed, *tag;
};
constexpr char kOne[] = "1001000000000000000000000000000000000000000000000000000000000000";
constexpr char kTwo[] = "1000020000000000000000000000000000000000000000000000000000000000";
constexpr AegisVector kAegis[] = {
    {kOne, kTwo, "", "00000000000000000000000000000000", "754fc3d8c973246dcc6d741412a4b236",
     "1181a1d18091082bf0266f66297d167d2e68b845f61a3b0527d31fc7b7b89f13"},
    {kOne, kTwo, "", "", "", "6a348c930adbd654896e1666aad67de989ea75ebaa2b82fb588977b1ffec864a"},
    {kOne, kTwo, "0001020304050607",
     "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     "f373079ed84b2709faee373584585d60accd191db310ef5d8b11833df9dec711",
     "b7d28d0c3c0ebd409fd22b44160503073a547412da0854bfb9723020dab8da1a"},
    {kOne, kTwo, "0001020304050607", "000102030405060708090a0b0c0d", "f373079ed84b2709faee37358458",
     "8c1cc703c81281bee3f6d9966e14948b4a175b2efbdc31e61a98b4465235c2d9"},
    {kOne, kTwo,
     "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223242526272829",
     "101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334353637",
     "57754a7d09963e7c787583a2e7b859bb24fa1e04d49fd550b2511a358e3bca252a9b1b8b30cc4a67",
     "a3aca270c006094d71c20e6910b5161c0826df233d08919a566ec2c05990f734"},
};
constexpr AegisVector kAegisRefused[] = {
    {kTwo, kOne, "0001020304050607", nullptr, "f373079ed84b2709faee37358458",
     "8c1cc703c81281bee3f6d9966e14948b4a175b2efbdc31e61a98b4465235c2d9"},
    {kOne, kTwo, "0001020304050607", nullptr, "f373079ed84b2709faee37358459",
     "8c1cc703c81281bee3f6d9966e14948b4a175b2efbdc31e61a98b4465235c2d9"},
    {kOne, kTwo, "0001020304050608", nullptr, "f373079ed84b2709faee37358458",
     "8c1cc703c81281bee3f6d9966e14948b4a175b2efbdc31e61a98b4465235c2d9"},
    {kOne, kTwo, "0001020304050607", nullptr, "f373079ed84b2709faee37358458",
     "8c1cc703c81281bee3f6d9966e14948b4a175b2efbdc31e61a98b4465235c2da"},
};

// The number that becomes these 32 bytes.
Nonce nonce_of(const char* hex) {
  const Buffer bytes = vpnd::test::unhex(hex);
  std::uint64_t number = 0;
  for (unsigned i = 0; i < 8; ++i) number |= std::uint64_t{bytes[i]} << (8 * i);
  cr_assert(std::all_of(bytes.begin() + 8, bytes.end(), [](auto b) { return b == 0; }));
  return nonce(number);
}

bool has_flag(const std::string& flag) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string word; file >> word;) {
    if (word == flag) return true;
  }
  return false;
}

}  // namespace

TestSuite(aead, .init = start);

Test(aead, chacha_is_always_offered) {
  cr_assert_neq(offered_ciphers() & 1, 0);
  cr_assert_eq(offered_ciphers() & ~7, 0);
}

Test(aead, records_of_the_known_answers) {
  const Value file = vpnd::test::load_json("vpnd1-draft-kat.json");
  int seen = 0;
  for (const Cipher cipher : kAll) {
    if (!built(cipher)) continue;
    for (const Value& v : file.at("vectors")) {
      if (v.at("cipher_id").number<int>() != static_cast<int>(cipher)) continue;
      if (vpnd::test::text(v, "transport") != "stream") continue;
      for (const Value& r : v.at("records")) {
        check_record(v, r, cipher);
        ++seen;
      }
    }
  }
  cr_assert(seen >= 16);
}

Test(aead, aegis256_matches_the_vectors_of_its_draft) {
  if (!built(Cipher::aegis256)) cr_skip_test("no AEGIS-256 here");
  for (const AegisVector& v : kAegis) {
    const AeadKey key(Cipher::aegis256, vpnd::test::unhex_key(v.key));
    const Buffer ad = vpnd::test::unhex(v.ad), want = vpnd::test::unhex(v.text);
    Buffer text = want, tag(32);
    key.seal(nonce_of(v.nonce), ad, text, tag);
    cr_assert_eq(vpnd::test::hex(text), v.sealed);
    cr_assert_eq(vpnd::test::hex(tag), v.tag);
    cr_assert(key.open(nonce_of(v.nonce), ad, text, tag) && text == want);
    for (std::size_t bit = 0; bit < 8 * tag.size(); ++bit) {
      Buffer again = vpnd::test::unhex(v.sealed);
      cr_assert(!key.open(nonce_of(v.nonce), ad, again, flipped(tag, bit / 8, bit % 8)));
    }
  }
  for (const AegisVector& v : kAegisRefused) {
    const AeadKey key(Cipher::aegis256, vpnd::test::unhex_key(v.key));
    Buffer text = vpnd::test::unhex(v.sealed);
    cr_assert(
        !key.open(nonce_of(v.nonce), vpnd::test::unhex(v.ad), text, vpnd::test::unhex(v.tag)));
  }
}

// By what the library says of itself and the kernel of the processor, not by what we compiled.
Test(aead, aegis256_is_there_from_libsodium_1_0_19_on) {
  int major = 0, minor = 0, patch = 0;
  cr_assert_eq(std::sscanf(library_version(), "%d.%d.%d", &major, &minor, &patch), 3);
  const bool newer = std::tuple(major, minor, patch) >= std::tuple(1, 0, 19);
  const bool fast =
      (has_flag("aes") && has_flag("pclmulqdq") && has_flag("avx")) || this_processor().arm_crypto;
  const bool offered = (offered_ciphers() & static_cast<unsigned>(Cipher::aegis256)) != 0;
  cr_assert_eq(offered, newer && fast, "libsodium %s", library_version());
}

Test(aead, aegis256_is_offered_only_where_it_is_fast) {
  const auto aegis = [](const Processor& p) {
    return (offered_ciphers(p) & static_cast<unsigned>(Cipher::aegis256)) != 0;
  };
  const bool have = aegis({.arm_crypto = true});
  cr_assert_eq(aegis({.aesni = true, .pclmul = true, .avx = true}), have);
  cr_assert_not(aegis({.aesni = true, .pclmul = true, .avx = false}));
  cr_assert_not(aegis({.aesni = false, .pclmul = true, .avx = true}));
  cr_assert_not(aegis({.gcm = true}));
}

Test(aead, gcm_is_offered_where_the_library_has_it_and_the_processor_aes) {
  const auto gcm = [](const Processor& p) { return (offered_ciphers(p) & 2) != 0; };
  cr_assert(gcm({.aesni = true, .pclmul = true, .gcm = true}));
  cr_assert(gcm({.arm_crypto = true, .gcm = true}));
  cr_assert_not(gcm({.aesni = true, .pclmul = true, .avx = true, .gcm = false}));
  cr_assert_not(gcm({.aesni = true, .gcm = true}));
  cr_assert_eq(offered_ciphers(Processor{}), 1);
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
