// SPDX-License-Identifier: ISC
#include "crypto/hash.h"

#include <criterion/criterion.h>

#include <string>
#include <string_view>

#include "crypto/random.h"
#include "tests/vectors/vectors.h"

using namespace vpnd::crypto;
using vpnd::test::hex;

namespace {

void start() {
  init();
}

std::span<const std::uint8_t> raw(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

TestSuite(hash, .init = start);

Test(hash, blake2b_of_abc) {  // RFC 7693, appendix A
  const std::string want =
      "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
      "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923";
  cr_assert_eq(hex(hash({raw("abc")})), want);
  cr_assert_eq(hex(hash({raw("a"), raw(""), raw("bc")})), want);
  cr_assert_neq(hex(hash({raw("abd")})), want);
}

Test(hash, derive_depends_on_key_and_label_and_joins_its_parts) {
  const auto v = vpnd::test::load_json("vpnd1-draft-kat.json").at("vectors").at(0);
  const Key file = vpnd::test::key(v, "key_file");
  const auto want = vpnd::test::text(v, "gate_key_c2s");
  cr_assert_eq(hex(derive(file.bytes(), {raw("vpnd/1 S gate c2s")}).bytes()), want);
  cr_assert_eq(hex(derive(file.bytes(), {raw("vpnd/1 S gate "), raw("c2s")}).bytes()), want);
  cr_assert_neq(hex(derive(file.bytes(), {raw("vpnd/1 S gate s2c")}).bytes()), want);
  Key other = file.clone();
  other.mut()[31] = static_cast<std::uint8_t>(other.mut()[31] ^ 1);
  cr_assert_neq(hex(derive(other.bytes(), {raw("vpnd/1 S gate c2s")}).bytes()), want);
}

Test(hash, mac16_makes_the_lease_cookie) {
  const auto v = vpnd::test::load_json("vpnd1-draft-kat.json").at("vectors").at(0);
  const Key secret = vpnd::test::key(v, "lease_secret");
  const auto cookie = vpnd::test::bytes(v, "lease_cookie");
  const auto instance = vpnd::test::bytes(v, "instance_id");
  const std::span<const std::uint8_t> body(cookie.data(), 24);
  const auto mac = mac16(secret.bytes(), {raw("vpnd/1 lease"), body, instance});
  cr_assert(equal(mac, std::span<const std::uint8_t>(cookie).subspan(24)));
}

Test(hash, hkdf_outputs_agree_and_differ) {
  Secret<64> ck;
  for (std::size_t i = 0; i < 64; ++i) ck.mut()[i] = static_cast<std::uint8_t>(i);
  const auto two = hkdf2(ck, raw("input"));
  const auto three = hkdf3(ck, raw("input"));
  cr_assert(equal(two.first.bytes(), three.first.bytes()));
  cr_assert(equal(two.second.bytes(), three.second.bytes()));
  cr_assert(!equal(three.first.bytes(), three.second.bytes()));
  cr_assert(!equal(three.second.bytes(), three.third.bytes()));
  cr_assert(!equal(hkdf2(ck, raw("inpuT")).first.bytes(), two.first.bytes()));
  // Computed once with Python's hmac and hashlib.blake2b over the same bytes.
  cr_assert_eq(hex(three.third.bytes()).substr(0, 32), "beb822d32dd50dffe84d52733d996025");
}

Test(hash, equal_sees_every_byte_and_the_length) {
  const std::vector<std::uint8_t> a(40, 7);
  cr_assert(equal(a, a));
  for (std::size_t i = 0; i < a.size(); ++i) cr_assert(!equal(a, vpnd::test::flipped(a, i, 7)));
  cr_assert(!equal(a, std::span(a).first(39)));
  cr_assert(equal({}, {}));
}

Test(hash, wipe_leaves_zero) {
  std::vector<std::uint8_t> a(40, 7);
  wipe(a);
  cr_assert(a == std::vector<std::uint8_t>(40, 0));
}
