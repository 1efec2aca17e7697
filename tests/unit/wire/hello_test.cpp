// SPDX-License-Identifier: ISC
#include "core/wire/hello.h"

#include <criterion/criterion.h>

#include <array>

#include "crypto/random.h"
#include "tests/vectors/vectors.h"

using namespace vpnd;
using namespace vpnd::wire;
using test::flipped;
using test::hex;
using test::Value;

namespace {

void start() {
  crypto::init();
}

HelloC sample_c() {
  HelloC h;
  h.ciphers = 5;
  h.want_v6 = true;
  h.max_length = 70000;
  h.instance.fill(0x11);
  h.cookie.fill(0x22);
  h.kinds = 0x13;
  h.requested_v4 = Address::v4(10, 9, 0, 7);
  return h;
}

HelloS sample_s() {
  HelloS h;
  h.cipher = crypto::Cipher::aes256_gcm;
  h.kinds = 0x0f;
  h.max_length = 65600;
  h.server_time = 1'700'000'000'123;
  h.lease.seconds = 86400;
  h.lease.mtu = 1400;
  h.lease.keepalive = 25;
  h.lease.client_v4 = {Address::v4(10, 9, 0, 7), 24};
  h.lease.server_v4 = Address::v4(10, 9, 0, 1);
  h.lease.dns_v4 = Address::v4(10, 9, 0, 53);
  h.lease.client_v6 = {*Address::parse("fd00::7"), 64};
  h.lease.server_v6 = *Address::parse("fd00::1");
  h.lease.dns_v6 = *Address::parse("fd00::53");
  h.lease.cookie.fill(0x33);
  return h;
}

ByteArray<kHelloC> encoded(const HelloC& h) {
  ByteArray<kHelloC> out;
  out.fill(0xee);  // whatever is not written shows
  h.encode(out);
  return out;
}

ByteArray<kHelloS> encoded(const HelloS& h) {
  ByteArray<kHelloS> out;
  out.fill(0xee);
  h.encode(out);
  return out;
}

Identity identity_of(const Value& v) {
  Identity id;
  const bool shared = test::text(v, "mode") == "S";
  const auto bytes = test::bytes(v, shared ? "instance_id" : "client_static_public");
  std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
  id.size = static_cast<std::uint8_t>(bytes.size());
  return id;
}

}  // namespace

TestSuite(hello, .init = start);

Test(hello, known_answers_round_trip) {
  const Value file = test::load_json("vpnd1-draft-kat.json");
  int seen = 0;
  for (const Value& v : file.at("vectors")) {
    const auto c1 = test::array<kHelloC>(v, "hello_c1");
    const auto s1 = test::array<kHelloS>(v, "hello_s1");
    const auto c = HelloC::decode(c1);
    const auto s = HelloS::decode(s1);
    cr_assert(c && s);
    cr_assert_eq(hex(encoded(*c)), hex(c1));
    cr_assert_eq(hex(encoded(*s)), hex(s1));
    cr_assert(c->requested_v4 == Address::v4(10, 64, 0, 2));
    cr_assert(s->lease.client_v4 == (Prefix{Address::v4(10, 64, 0, 2), 24}));
    cr_assert(s->lease.server_v6 == *Address::parse("fd00::1"));
    cr_assert(s->cipher == static_cast<crypto::Cipher>(v.at("cipher_id").number<int>()));
    cr_assert_eq(hex(s->lease.cookie), test::text(v, "lease_cookie"));
    ++seen;
  }
  cr_assert_eq(seen, 12);
}

Test(hello, client_round_trip) {
  HelloC h = sample_c();
  cr_assert(HelloC::decode(encoded(h)) == h);
  h.resume = true;
  h.want_v6 = false;
  cr_assert(HelloC::decode(encoded(h)) == h);
  cr_assert(HelloC::decode(encoded(HelloC())) == HelloC());
}

Test(hello, server_round_trip) {
  cr_assert(HelloS::decode(encoded(sample_s())) == sample_s());
  cr_assert(HelloS::decode(encoded(HelloS())) == HelloS());
  Lease without = sample_s().lease;
  without.client_v6 = {};
  without.server_v6 = without.dns_v6 = Address();
  ByteArray<kLease> body;
  without.encode(body);
  cr_assert(Lease::decode(body) == without);
  cr_assert(!Lease::decode(body)->has_v6());
}

Test(hello, every_byte_of_a_lease_matters_or_is_reserved) {
  ByteArray<kLease> body;
  sample_s().lease.encode(body);
  for (std::size_t i = 0; i < body.size(); ++i) {
    const bool reserved = i == 10 || i == 11;
    const auto other = Lease::decode(flipped(body, i, 1));
    cr_assert(other.has_value(), "byte %zu", i);
    cr_assert_eq(*other == sample_s().lease, reserved, "byte %zu", i);
  }
}

Test(hello, unknown_bits_are_ignored) {
  auto c = encoded(sample_c());
  c[0] |= 0x80;  // cipher 128
  c[1] = 0xff;
  c[3] = 0xff;   // flags
  c[65] = 0xff;  // kinds 8 to 15
  c[66] = c[72] = 1;
  cr_assert(HelloC::decode(c) == sample_c());
  auto s = encoded(sample_s());
  s[3] = 0xff;
  s[2] |= 0xe0;
  s[26] = 1;
  cr_assert(HelloS::decode(s) == sample_s());
}

Test(hello, limits_are_checked) {
  const auto with_length = [](std::uint32_t length) {
    auto c = encoded(sample_c());
    store_le32(&c[4], length);
    return HelloC::decode(c).has_value();
  };
  cr_assert(with_length(2048));
  cr_assert(with_length(kMaxPlaintext));
  cr_assert(!with_length(2047));
  cr_assert(!with_length(0));
  cr_assert(!with_length(kMaxPlaintext + 1));
  cr_assert(!with_length(0xffffffff));
  auto c = encoded(sample_c());
  c[64] = 0x1e;  // without the plain kind
  cr_assert(!HelloC::decode(c));
}

Test(hello, server_limits_are_checked) {
  const auto with = [](std::size_t at, std::uint8_t value) {
    auto s = encoded(sample_s());
    s[at] = value;
    return HelloS::decode(s).has_value();
  };
  for (const int status : {0, 2, 3, 4, 6}) cr_assert(with(0, static_cast<std::uint8_t>(status)));
  for (const int status : {1, 5, 7, 128, 255}) {
    cr_assert(!with(0, static_cast<std::uint8_t>(status)), "%d", status);
  }
  for (const int cipher : {0, 3, 5, 6, 7, 8, 255}) {
    cr_assert(!with(1, static_cast<std::uint8_t>(cipher)), "%d", cipher);
  }
  cr_assert(!with(2, 0x0e));
  cr_assert(!with(6, 0xff));
  cr_assert(with(24, 32));
  cr_assert(!with(24, 33));
  cr_assert(with(25, 128));
  cr_assert(!with(25, 129));
}

Test(hello, a_refusal_says_nothing_else) {
  HelloS h = sample_s();
  h.status = Status::busy;
  ByteArray<kHelloS> want{};
  want[0] = 6;
  cr_assert(encoded(h) == want);
  // The bytes after it are ignored, whatever they are.
  want.fill(0xff);
  want[0] = 4;
  const auto back = HelloS::decode(want);
  cr_assert(back && back->status == Status::refused);
  cr_assert(back->lease == Lease());
}

Test(hello, cipher_mask_table) {
  for (const int offered : {1, 3, 5, 7}) {
    for (const int own : {1, 3, 5, 7}) {
      const int both = offered & own;
      const int want = (both & 4) != 0 ? 4 : (both & 2) != 0 ? 2 : 1;
      const auto got =
          choose_cipher(static_cast<std::uint16_t>(offered), static_cast<std::uint16_t>(own));
      cr_assert(got && static_cast<int>(*got) == want, "%d %d", offered, own);
    }
  }
  cr_assert(!choose_cipher(0, 7));
  cr_assert(!choose_cipher(2, 5));
  cr_assert(!choose_cipher(0xfff8, 0xffff));
}

Test(hello, cookies_of_the_known_answers) {
  const Value file = test::load_json("vpnd1-draft-kat.json");
  for (const Value& v : file.at("vectors")) {
    const crypto::Key secret = test::key(v, "lease_secret");
    const auto bytes = test::array<kCookie>(v, "lease_cookie");
    const auto cookie = read_cookie(bytes, secret, identity_of(v));
    cr_assert(cookie.has_value());
    cr_assert(cookie->v4 == Address::v4(10, 64, 0, 2));
    cr_assert_eq(hex(cookie->v6_suffix), "0000000000000002");
    cr_assert(make_cookie(*cookie, secret, identity_of(v)) == bytes);
  }
}

Test(hello, a_cookie_of_another_client_or_server_is_refused) {
  const crypto::Key secret = crypto::random_key();
  Identity id;
  id.size = 32;
  crypto::random_bytes(id.bytes);
  const Cookie cookie{Address::v4(10, 1, 2, 3), {1, 2, 3, 4, 5, 6, 7, 8}, 99};
  const auto bytes = make_cookie(cookie, secret, id);
  cr_assert(read_cookie(bytes, secret, id).has_value());
  for (std::size_t i = 0; i < 8 * bytes.size(); ++i) {
    cr_assert(!read_cookie(flipped(bytes, i / 8, i % 8), secret, id), "bit %zu", i);
  }
  cr_assert(!read_cookie(bytes, crypto::random_key(), id));
  Identity other = id;
  other.bytes[31] = static_cast<std::uint8_t>(other.bytes[31] ^ 1);
  cr_assert(!read_cookie(bytes, secret, other));
  other = id;
  other.size = 16;
  cr_assert(!read_cookie(bytes, secret, other));
  cr_assert(!read_cookie({}, secret, id));
}
