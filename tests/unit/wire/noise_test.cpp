// SPDX-License-Identifier: ISC
#include "core/wire/noise.h"

#include <criterion/criterion.h>

#include <cstdio>
#include <string>
#include <vector>

#include "crypto/aead.h"
#include "crypto/random.h"
#include "tests/vectors/vectors.h"

using namespace vpnd;
using namespace vpnd::wire;
using test::flipped;
using test::hex;
using test::Value;
using Buffer = std::vector<std::uint8_t>;

namespace {

void start() {
  crypto::init();
}

struct Suite {
  const NoisePattern* pattern;
  NoiseCipher cipher;
};

// From "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2b".
Suite suite_of(const std::string& name) {
  const auto from = name.find('_') + 1, to = name.find('_', from);
  const NoisePattern* pattern = noise_pattern(std::string_view(name).substr(from, to - from));
  cr_assert(pattern != nullptr, "%s", name.c_str());
  const bool gcm = name.find("AESGCM") != std::string::npos;
  return {pattern, gcm ? NoiseCipher::aes_gcm : NoiseCipher::chacha_poly};
}

NoiseState side(const Value& v, bool initiator) {
  const std::string who = initiator ? "init_" : "resp_";
  NoiseState::Keys keys;
  if (v.contains(who + "static")) keys.own_static = test::key(v, (who + "static").c_str());
  if (v.contains(who + "remote_static")) {
    keys.their_static = test::array<32>(v, (who + "remote_static").c_str());
  }
  keys.ephemeral = test::key(v, (who + "ephemeral").c_str());
  if (v.contains(who + "psks")) {
    for (const Value& p : v.at(who + "psks")) {
      keys.psks.push_back(test::unhex_key(p.text()));
    }
  }
  const Suite suite = suite_of(test::text(v, "protocol_name"));
  const Buffer prologue = test::bytes(v, (who + "prologue").c_str());
  return NoiseState(*suite.pattern, suite.cipher, initiator, prologue, std::move(keys));
}

Buffer written(NoiseState& from, const Buffer& payload) {
  Buffer out(payload.size() + 200);
  const auto size = from.write(payload, out);
  cr_assert(size.has_value());
  out.resize(*size);
  return out;
}

std::optional<Buffer> opened(NoiseState& to, const Buffer& message) {
  Buffer out(message.size());
  const auto size = to.read(message, out);
  if (!size) return std::nullopt;
  out.resize(*size);
  return out;
}

// Each byte changed, and each shorter form: refused, and the state as if nothing had come.
void refuse_all_twins(NoiseState& to, const Buffer& message, bool last_is_free) {
  const auto before = to.hash();
  for (std::size_t i = 0; i < message.size(); ++i) {
    if (last_is_free) break;  // nothing of it is authenticated yet
    // Bit 255 of a point is ignored by X25519, but it is hashed.
    cr_assert(!opened(to, flipped(message, i, 7)), "byte %zu", i);
    cr_assert(!opened(to, flipped(message, i, i % 7)), "byte %zu", i);
  }
  for (std::size_t n = 0; n < message.size(); n += 7) {
    if (last_is_free && n >= 32) break;
    cr_assert(!opened(to, Buffer(message.begin(), message.begin() + static_cast<long>(n))));
  }
  cr_assert(to.hash() == before);
}

void check_transport(const Value& v, NoiseState::Split keys, std::size_t from) {
  const auto suite = suite_of(test::text(v, "protocol_name"));
  const auto id = suite.cipher == NoiseCipher::aes_gcm ? crypto::Cipher::aes256_gcm
                                                       : crypto::Cipher::chacha20_poly1305;
  const crypto::AeadKey aead[2] = {{id, keys.first}, {id, keys.second}};
  crypto::NonceCounter seal[2], open[2];
  const Value& messages = v.at("messages");
  for (std::size_t i = from; i < messages.size(); ++i) {
    const std::size_t d = i % 2;
    const Buffer plain = test::bytes(messages.at(i), "payload");
    const Buffer wire = test::bytes(messages.at(i), "ciphertext");
    Buffer sealed = plain;
    sealed.resize(plain.size() + 16);
    aead[d].seal(seal[d].take(), {}, std::span(sealed).first(plain.size()),
                 std::span(sealed).last(16));
    cr_assert_eq(hex(sealed), hex(wire));
    cr_assert(aead[d].open(open[d].take(), {}, std::span(sealed).first(plain.size()),
                           std::span(sealed).last(16)));
    cr_assert(std::equal(plain.begin(), plain.end(), sealed.begin()));
  }
}

// Our initiator against the recorded responder and the reverse, at once: each side must write
// exactly what the vector has, and read the same.
void check_vector(const Value& v) {
  NoiseState initiator = side(v, true), responder = side(v, false);
  const Value& messages = v.at("messages");
  const std::string name = test::text(v, "protocol_name");
  std::size_t i = 0;
  for (; !initiator.finished(); ++i) {
    NoiseState& from = i % 2 == 0 ? initiator : responder;
    NoiseState& to = i % 2 == 0 ? responder : initiator;
    const Buffer plain = test::bytes(messages.at(i), "payload");
    const Buffer wire = test::bytes(messages.at(i), "ciphertext");
    cr_assert_eq(hex(written(from, plain)), hex(wire), "%s %zu", name.c_str(), i);
    const bool clear =
        i == 0 && (name.starts_with("Noise_NN_") || name.starts_with("Noise_NNpsk2_"));
    refuse_all_twins(to, wire, clear);
    const auto back = opened(to, wire);
    cr_assert(back.has_value(), "%s %zu", name.c_str(), i);
    cr_assert(*back == plain);
    cr_assert(from.hash() == to.hash());
  }
  cr_assert(responder.finished());
  if (v.contains("handshake_hash")) {
    cr_assert_eq(hex(initiator.hash()), test::text(v, "handshake_hash"));
  }
  auto a = initiator.split(), b = responder.split();
  cr_assert(crypto::equal(a.first.bytes(), b.first.bytes()));
  cr_assert(crypto::equal(a.second.bytes(), b.second.bytes()));
  check_transport(v, std::move(a), i);
}

int check_file(const char* file) {
  const Value data = test::load_json(file);
  int done = 0;
  for (const Value& v : data.at("vectors")) {
    if (test::text(v, "protocol_name").find("AESGCM") != std::string::npos &&
        (crypto::offered_ciphers() & 2) == 0) {
      std::printf("no AES on this processor: %s NOT tested\n",
                  test::text(v, "protocol_name").c_str());
      std::fflush(stdout);
    } else {
      check_vector(v);
    }
    ++done;
  }
  return done;
}

NoiseState plain_state(const char* pattern, bool initiator, std::vector<crypto::Key> psks = {}) {
  NoiseState::Keys keys;
  keys.ephemeral = crypto::random_key();
  keys.psks = std::move(psks);
  return NoiseState(*noise_pattern(pattern), NoiseCipher::chacha_poly, initiator, {},
                    std::move(keys));
}

}  // namespace

TestSuite(noise, .init = start);

Test(noise, cacophony_vectors) {
  cr_assert_eq(check_file("noise-cacophony-25519-blake2b.json"), 18);
}

Test(noise, snow_vectors) {
  cr_assert_eq(check_file("noise-snow-25519-blake2b.json"), 10);
}

Test(noise, unknown_pattern) {
  cr_assert(noise_pattern("NNpsk1") == nullptr);
  cr_assert(noise_pattern("") == nullptr);
}

Test(noise, another_psk_prologue_or_pattern_is_refused) {
  const crypto::Key psk = crypto::random_key();
  std::vector<crypto::Key> mine, same, other;
  mine.push_back(psk.clone());
  same.push_back(psk.clone());
  other.push_back(crypto::random_key());
  NoiseState initiator = plain_state("NNpsk0", true, std::move(mine));
  const Buffer message = written(initiator, {1, 2, 3});
  NoiseState wrong = plain_state("NNpsk0", false, std::move(other));
  cr_assert(!opened(wrong, message));
  NoiseState::Keys keys;
  keys.psks.push_back(psk.clone());
  const Buffer prologue{0};
  NoiseState elsewhere(*noise_pattern("NNpsk0"), NoiseCipher::chacha_poly, false, prologue,
                       std::move(keys));
  cr_assert(!opened(elsewhere, message));
  NoiseState none = plain_state("NNpsk0", false);
  cr_assert(!opened(none, message));
  NoiseState right = plain_state("NNpsk0", false, std::move(same));
  cr_assert(opened(right, message) == Buffer({1, 2, 3}));
}

Test(noise, points_of_low_order_end_the_handshake) {
  NoiseState initiator = plain_state("NN", true), responder = plain_state("NN", false);
  (void)written(initiator, {});
  const Buffer zero(32, 0);
  cr_assert(opened(responder, zero).has_value());  // no curve work in the first message of NN
  Buffer out(100);
  cr_assert(!responder.write({}, out));
  const Buffer answer(48, 0);
  cr_assert(!opened(initiator, answer));
}

Test(noise, out_of_turn_is_refused) {
  NoiseState initiator = plain_state("NN", true), responder = plain_state("NN", false);
  Buffer out(100);
  cr_assert(!responder.write({}, out));
  cr_assert(!opened(initiator, Buffer(48, 9)));
  cr_assert_throw((void)initiator.split(), std::logic_error);
  NoiseState unusable;
  cr_assert(!unusable.write({}, out));
  cr_assert(!unusable.finished());
}

Test(noise, too_little_room_is_refused) {
  NoiseState initiator = plain_state("NN", true), responder = plain_state("NN", false);
  const Buffer message = written(initiator, Buffer(10, 1));
  Buffer small(9);
  cr_assert(!responder.read(message, small));
  Buffer enough(10);
  cr_assert(responder.read(message, enough) == std::size_t{10});
  Buffer out(57);  // 32 and a payload of 10 and 16 are 58
  cr_assert(!responder.write(Buffer(10, 1), out));
}

Test(noise, a_known_static_key_must_be_given) {
  cr_assert_throw(plain_state("IK", true), std::logic_error);
  cr_assert_throw(plain_state("IK", false), std::logic_error);
}

Test(noise, responder_learns_the_static_key_and_then_sets_the_psk) {
  const crypto::Key server = crypto::random_key(), client = crypto::random_key();
  const crypto::Key psk = crypto::random_key();
  NoiseState::Keys keys;
  keys.own_static = client.clone();
  keys.ephemeral = crypto::random_key();
  keys.their_static = crypto::public_key(server);
  keys.psks.push_back(psk.clone());
  NoiseState a(*noise_pattern("IKpsk2"), NoiseCipher::chacha_poly, true, {}, std::move(keys));
  NoiseState::Keys theirs;
  theirs.own_static = server.clone();
  theirs.own_public = crypto::public_key(server);
  NoiseState b(*noise_pattern("IKpsk2"), NoiseCipher::chacha_poly, false, {}, std::move(theirs));
  const Buffer first = written(a, {7});
  cr_assert(!b.their_static());
  cr_assert(!opened(b, flipped(first, first.size() - 1)));
  cr_assert(!b.their_static());  // a key out of a refused message is forgotten
  cr_assert(opened(b, first) == Buffer({7}));
  cr_assert(b.their_static() == crypto::public_key(client));
  b.set_psk(0, psk.clone());
  b.set_ephemeral(crypto::random_key());
  cr_assert(opened(a, written(b, {8})) == Buffer({8}));
  cr_assert(crypto::equal(a.split().first.bytes(), b.split().first.bytes()));
}
