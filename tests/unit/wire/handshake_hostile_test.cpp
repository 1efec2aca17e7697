// SPDX-License-Identifier: ISC
#include <criterion/criterion.h>

#include "core/wire/handshake.h"
#include "tests/unit/wire/handshake_fixture.h"

using namespace vpnd;
using namespace vpnd::wire;
using namespace vpnd::test;
using Reply = Initiator::Reply;

// Openings and answers by somebody who holds the keys and breaks the rules.

namespace {

void start() {
  crypto::init();
}

}  // namespace

TestSuite(hostile_handshake, .init = start);

namespace {

struct Change {
  std::size_t at;
  int value;
};

template<typename Accept>
void refuse_changes(const Plain& good, std::initializer_list<Change> changes, Accept accept) {
  cr_assert(accept(good));
  for (const Change c : changes) {
    Plain bad = good;
    bad[c.at] = static_cast<std::uint8_t>(c.value);
    cr_assert(!accept(bad), "G[%zu] = %d", c.at, c.value);
  }
}

}  // namespace

Test(hostile_handshake, c1_must_be_canonical) {
  for (const char* mode : {"S", "P"}) {
    for (const char* carrier : {"stream", "datagram"}) {
      const Value v = vector_of(mode, carrier);
      const ClientIdentity client = client_of(v);
      const ServerIdentity server = server_of(v);
      const Initiator initiator = initiator_of(v, client);
      const Plain good = unsealed(initiator.block(), client.gate.c2s, ad_of_c1(v));
      const auto accept = [&](const Plain& plain) {
        return Responder::open(server, transport(v), sealed(plain, client.gate.c2s, ad_of_c1(v)))
            .has_value();
      };
      const int other_mode = shared(v) ? 1 : 0;
      refuse_changes(good,
                     {{0, 0},
                      {0, 2},
                      {1, other_mode},
                      {1, 2},
                      {2, 0},
                      {2, good[2] - 1},
                      {2, good[2] + 1},
                      {2, shared(v) ? 176 : 128},
                      {3, 1},
                      {5, 4},
                      {5, 255},
                      {6, 2},
                      {6, 3},
                      {6, 4},
                      {6, 8},
                      {7, 1}},
                     accept);
      for (std::size_t i = 36u + good[2]; i < kGatePlain; ++i)
        refuse_changes(good, {{i, 1}}, accept);
      Plain other = good;
      other[6] = 1;  // clock unsure is allowed
      cr_assert(accept(other));
      for (std::size_t i = 16; i < 36; ++i) {  // sender index and retry cookie
        cr_assert_eq(accept(flipped(good, i, 3)), !stream(v), "%zu", i);
      }
      store_le16(&other[4], stream(v) ? 1023 : 900);
      cr_assert(accept(other));
      store_le16(&other[4], stream(v) ? 1024 : 901);
      cr_assert(!accept(other));
    }
  }
}

Test(hostile_handshake, s1_must_be_canonical) {
  for (const char* carrier : {"stream", "datagram"}) {
    const Value v = vector_of("P", carrier);
    const ClientIdentity client = client_of(v);
    const ServerIdentity server = server_of(v);
    const Initiator once = initiator_of(v, client);
    const auto ad = ad_of_s1(v, once.block());
    const Gate gate = *Responder::open(server, transport(v), once.block());
    Responder responder(server, gate, transport(v));
    cr_assert(responder.read() == Drop::none);
    const Plain good = unsealed(answer(v, responder), server.gate.s2c, ad);
    const auto accept = [&](const Plain& plain) {
      Initiator initiator = initiator_of(v, client);
      return initiator.read(sealed(plain, server.gate.s2c, ad)) != Reply::invalid;
    };
    refuse_changes(good,
                   {{0, 2},
                    {1, 0},
                    {1, 2},
                    {2, 0},
                    {2, 128},
                    {2, 175},
                    {3, 1},
                    {5, 4},
                    {6, 1},
                    {6, 2},
                    {6, 4},
                    {7, 1},
                    {20, 1},
                    {35, 1},
                    {212, 1},
                    {215, 1}},
                   accept);
    if (stream(v)) refuse_changes(good, {{16, 1}, {19, 1}}, accept);
    Plain reply{};
    reply[0] = reply[1] = 1;
    reply[6] = 2;  // clock reply
    refuse_changes(reply, {{6, 0}, {6, 3}, {6, 6}, {6, 8}, {16, 1}, {20, 1}, {36, 1}, {215, 1}},
                   accept);
    reply[6] = 4;  // retry reply
    reply[20] = 9;
    cr_assert_eq(accept(reply), !stream(v));
    reply[16] = 1;
    cr_assert(!accept(reply));
  }
}

namespace {

// What a server that breaks the rules would send: any hello, in a valid s1.
Block rogue_s1(const Value& v, const ServerIdentity& server, const Block& c1,
               const ByteArray<kHelloS>& hello) {
  const Gate gate = *Responder::open(server, Transport::stream, c1);
  NoiseState::Keys keys;
  keys.psks.push_back(server.psk.clone());
  keys.ephemeral = crypto::random_key();
  NoiseState noise(*noise_pattern("NNpsk0"), NoiseCipher::chacha_poly, false, bytes(v, "prologue"),
                   std::move(keys));
  ByteArray<kMaxNoise> scratch{};
  cr_assert(noise.read(Bytes(gate.noise).first(gate.noise_len), scratch).has_value());
  Plain plain{};
  plain[0] = 1;
  plain[2] = 176;
  cr_assert(noise.write(hello, std::span(plain).subspan(36, 176)).has_value());
  return sealed(plain, server.gate.s2c, ad_of_s1(v, c1));
}

}  // namespace

Test(hostile_handshake, the_client_refuses_a_cipher_that_it_did_not_offer) {
  const Value v = vector_of("S");
  const ClientIdentity client = client_of(v);
  const ServerIdentity server = server_of(v);
  for (const int offered : {1, 3, 5, 7}) {
    for (const int chosen : {1, 2, 4, 3, 0, 8}) {
      Initiator::Opening opening = opening_of(v);
      opening.hello.ciphers = static_cast<std::uint16_t>(offered);
      Initiator initiator(client, opening, crypto::random_key(), random_c1(v));
      ByteArray<kHelloS> hello{};
      hello_s(v).encode(hello);
      hello[1] = static_cast<std::uint8_t>(chosen);
      const bool fine = chosen != 3 && (chosen & offered) != 0;
      const auto reply = initiator.read(rogue_s1(v, server, initiator.block(), hello));
      cr_assert(reply == (fine ? Reply::session : Reply::invalid), "%d %d", offered, chosen);
      if (!fine) cr_assert_throw((void)initiator.take(), std::logic_error);
    }
  }
}

Test(hostile_handshake, the_server_may_not_choose_what_was_not_offered) {
  const Value v = vector_of("S");
  const ClientIdentity client = client_of(v);
  const ServerIdentity server = server_of(v);
  Initiator::Opening opening = opening_of(v);
  opening.hello.ciphers = 1;
  const Initiator initiator(client, opening, crypto::random_key(), random_c1(v));
  const Gate gate = *Responder::open(server, Transport::stream, initiator.block());
  Responder responder(server, gate, Transport::stream);
  cr_assert(responder.read() == Drop::none);
  HelloS hello = hello_s(v);
  hello.cipher = crypto::Cipher::aes256_gcm;
  cr_assert_throw((void)responder.write(hello, crypto::random_key(), 0, random_s1(v)),
                  std::logic_error);
  hello.cipher = crypto::Cipher::chacha20_poly1305;
  (void)responder.write(hello, crypto::random_key(), 0, random_s1(v));
  (void)responder.take();
  cr_assert_throw((void)responder.take(), std::logic_error);
  cr_assert_throw((void)answer(v, responder), std::logic_error);
}

// A holder of the shared key opens with a point of low order. NNpsk0 does no curve work on it
// before s1, where it could not be refused in silence any more.
Test(hostile_handshake, an_ephemeral_key_of_low_order_is_refused_at_once) {
  const Value v = vector_of("S");
  const ServerIdentity server = server_of(v);
  const Initiator initiator = initiator_of(v, client_of(v));
  Gate gate = *Responder::open(server, Transport::stream, initiator.block());
  crypto::Hash h{};
  const std::string name = text(v, "noise");
  std::copy(name.begin(), name.end(), h.begin());
  crypto::Secret<64> ck{std::span<const std::uint8_t, 64>(h)};
  h = crypto::hash({h, bytes(v, "prologue")});
  auto mixed = crypto::hkdf3(ck, server.psk.bytes());
  h = crypto::hash({h, mixed.second.bytes()});
  for (const std::uint8_t first : {std::uint8_t{0}, std::uint8_t{1}}) {
    crypto::PublicKey point{};
    point[0] = first;
    const crypto::Hash ad = crypto::hash({h, point});
    const auto keyed = crypto::hkdf2(mixed.first, point);
    const crypto::AeadKey aead(crypto::Cipher::chacha20_poly1305,
                               crypto::Key(keyed.second.bytes().first<32>()));
    std::copy(point.begin(), point.end(), gate.noise.begin());
    hello_c(v).encode(std::span(gate.noise).subspan<32, kHelloC>());
    crypto::NonceCounter zero;
    aead.seal(zero.take(), ad, std::span(gate.noise).subspan(32, kHelloC),
              std::span(gate.noise).subspan(32 + kHelloC, 16));
    // It does verify: only the point is wrong.
    NoiseState::Keys keys;
    keys.psks.push_back(server.psk.clone());
    NoiseState noise(*noise_pattern("NNpsk0"), NoiseCipher::chacha_poly, false,
                     bytes(v, "prologue"), std::move(keys));
    ByteArray<kHelloC> hello{};
    cr_assert(noise.read(Bytes(gate.noise).first(128), hello).has_value());
    Responder responder(server, gate, Transport::stream);
    cr_assert(responder.read() == Drop::bad_handshake);
  }
}
