// SPDX-License-Identifier: ISC
#include "crypto/gate_box.h"

#include <criterion/criterion.h>

#include <array>
#include <vector>

#include "crypto/random.h"
#include "tests/vectors/vectors.h"

using namespace vpnd::crypto;
using vpnd::test::flipped;
using vpnd::test::hex;
using Buffer = std::vector<std::uint8_t>;

namespace {

void start() {
  init();
}

}  // namespace

TestSuite(gate_box, .init = start);

Test(gate_box, known_answer) {  // draft-irtf-cfrg-xchacha, A.3.1
  const Key key =
      vpnd::test::unhex_key("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
  const auto nonce =
      vpnd::test::unhex_array<24>("404142434445464748494a4b4c4d4e4f5051525354555657");
  const auto ad = vpnd::test::unhex("50515253c0c1c2c3c4c5c6c7");
  const std::string text =
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
      "sunscreen would be it.";
  const Buffer plain(text.begin(), text.end());
  Buffer sealed(plain.size() + 16);
  gate_seal(key, nonce, ad, plain, sealed);
  cr_assert_eq(hex(std::span(sealed).first(16)), "bd6d179d3e83d43b9576579493c0e939");
  cr_assert_eq(hex(std::span(sealed).last(16)), "c0875924c1c7987947deafd8780acf49");
  Buffer back(plain.size());
  cr_assert(gate_open(key, nonce, ad, sealed, back));
  cr_assert(back == plain);
}

Test(gate_box, one_wrong_bit_anywhere_is_refused) {
  const Key key = random_key();
  std::array<std::uint8_t, 24> nonce{};
  random_bytes(nonce);
  const Buffer ad{1, 2, 3}, plain(216, 9);
  Buffer sealed(232), out(216);
  gate_seal(key, nonce, ad, plain, sealed);
  cr_assert(gate_open(key, nonce, ad, sealed, out));
  for (std::size_t i = 0; i < 8 * sealed.size(); ++i) {
    cr_assert(!gate_open(key, nonce, ad, flipped(sealed, i / 8, i % 8), out));
  }
  for (std::size_t i = 0; i < 8 * nonce.size(); ++i) {
    cr_assert(!gate_open(key, flipped(nonce, i / 8, i % 8), ad, sealed, out));
  }
  for (std::size_t i = 0; i < 8 * ad.size(); ++i) {
    cr_assert(!gate_open(key, nonce, flipped(ad, i / 8, i % 8), sealed, out));
  }
  cr_assert(!gate_open(random_key(), nonce, ad, sealed, out));
}

Test(gate_box, short_input_and_small_output_are_refused) {
  const Key key = random_key();
  const std::array<std::uint8_t, 24> nonce{};
  Buffer sealed(26), out(10);
  gate_seal(key, nonce, {}, out, sealed);
  cr_assert(!gate_open(key, nonce, {}, std::span(sealed).first(15), out));
  cr_assert(!gate_open(key, nonce, {}, sealed, std::span(out).first(9)));
  cr_assert(gate_open(key, nonce, {}, sealed, out));
}

Test(gate_box, mask_blocks_are_chacha20) {  // RFC 8439, A.1, vectors 1 and 2: zero key and nonce
  const Key key;
  std::array<std::uint8_t, 64> block{};
  mask_block(key, 0, block);
  cr_assert_eq(hex(std::span(block).first(16)), "76b8e0ada0f13d90405d6ae55386bd28");
  mask_block(key, 1, block);
  cr_assert_eq(hex(std::span(block).first(16)), "9f07e7be5551387a98ba977c732d080d");
}
