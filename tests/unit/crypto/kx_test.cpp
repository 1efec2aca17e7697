// SPDX-License-Identifier: ISC
#include "crypto/kx.h"

#include <criterion/criterion.h>

#include "crypto/random.h"
#include "tests/vectors/vectors.h"

using namespace vpnd::crypto;
using vpnd::test::hex;

namespace {

void start() {
  init();
}

}  // namespace

TestSuite(kx, .init = start);

Test(kx, known_answer) {  // RFC 7748, 6.1
  const Key a =
      vpnd::test::unhex_key("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
  const Key b =
      vpnd::test::unhex_key("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
  const PublicKey pa = public_key(a), pb = public_key(b);
  cr_assert_eq(hex(pa), "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  cr_assert_eq(hex(pb), "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  const auto ab = shared_secret(a, pb), ba = shared_secret(b, pa);
  cr_assert(ab && ba);
  cr_assert_eq(hex(ab->bytes()),
               "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
  cr_assert_eq(hex(ba->bytes()), hex(ab->bytes()));
}

Test(kx, points_of_low_order_are_refused) {
  // The five x-coordinates of small order below 2^255, and p and p + 1 which encode two of them.
  for (const char* point : {"0000000000000000000000000000000000000000000000000000000000000000",
                            "0100000000000000000000000000000000000000000000000000000000000000",
                            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
                            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
    auto bytes = vpnd::test::unhex_array<32>(point);
    for (const unsigned top : {0u, 0x80u}) {  // bit 255 is ignored
      bytes[31] = static_cast<std::uint8_t>((bytes[31] & 0x7f) | top);
      cr_assert(!shared_secret(random_key(), bytes), "%s", point);
      cr_assert(low_order(bytes), "%s", point);
    }
    for (std::size_t i = 0; i < 8 * 31; ++i) {
      const auto near = vpnd::test::flipped(bytes, i / 8, i % 8);
      cr_assert_eq(low_order(near), !shared_secret(random_key(), near), "%s %zu", point, i);
    }
  }
}
