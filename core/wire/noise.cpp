// SPDX-License-Identifier: ISC
#include "core/wire/noise.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "crypto/aead.h"

namespace vpnd::wire {
namespace {

enum Token : std::uint8_t { e, s, ee, es, se, ss, psk, end };

constexpr std::size_t kPoint = 32;
constexpr std::size_t kTag = 16;
constexpr std::size_t kMaxName = 64;  // longer names would have to be hashed

}  // namespace

struct NoisePattern {
  std::string_view name;
  bool initiator_known, responder_known;  // pre-messages "-> s" and "<- s"
  std::array<std::array<Token, 6>, 3> messages;
  std::size_t count;

  bool has_psk() const noexcept { return name.find("psk") != std::string_view::npos; }
};

namespace {

constexpr std::array<NoisePattern, 12> kPatterns{{
    {"NN", false, false, {{{e, end}, {e, ee, end}}}, 2},
    {"NNpsk0", false, false, {{{psk, e, end}, {e, ee, end}}}, 2},
    {"NNpsk2", false, false, {{{e, end}, {e, ee, psk, end}}}, 2},
    {"NNpsk0+psk2", false, false, {{{psk, e, end}, {e, ee, psk, end}}}, 2},
    {"XK", false, true, {{{e, es, end}, {e, ee, end}, {s, se, end}}}, 3},
    {"XKpsk3", false, true, {{{e, es, end}, {e, ee, end}, {s, se, psk, end}}}, 3},
    {"KKpsk2", true, true, {{{e, es, ss, end}, {e, ee, se, psk, end}}}, 2},
    {"IK", false, true, {{{e, es, s, ss, end}, {e, ee, se, end}}}, 2},
    {"IKpsk1", false, true, {{{e, es, s, ss, psk, end}, {e, ee, se, end}}}, 2},
    {"IKpsk2", false, true, {{{e, es, s, ss, end}, {e, ee, se, psk, end}}}, 2},
    {"IKpsk0+psk2", false, true, {{{psk, e, es, s, ss, end}, {e, ee, se, psk, end}}}, 2},
    {"KK", true, true, {{{e, es, ss, end}, {e, ee, se, end}}}, 2},
}};

std::string protocol_name(const NoisePattern& pattern, NoiseCipher suite) {
  const char* cipher = suite == NoiseCipher::aes_gcm ? "AESGCM" : "ChaChaPoly";
  return "Noise_" + std::string(pattern.name) + "_25519_" + cipher + "_BLAKE2b";
}

crypto::AeadKey aead(NoiseCipher suite, const crypto::Key& key) {
  // The nonce layouts of both data ciphers are the ones that Noise prescribes.
  return {suite == NoiseCipher::aes_gcm ? crypto::Cipher::aes256_gcm
                                        : crypto::Cipher::chacha20_poly1305,
          key};
}

crypto::Nonce nonce(std::uint64_t n) noexcept {
  auto counter = crypto::NonceCounter::starting_at(n);
  return counter.take();
}

crypto::Key front(const crypto::Secret<64>& secret) {
  return crypto::Key(secret.bytes().first<32>());
}

}  // namespace

const NoisePattern* noise_pattern(std::string_view name) noexcept {
  const auto at = std::find_if(kPatterns.begin(), kPatterns.end(),
                               [&](const NoisePattern& p) { return p.name == name; });
  return at == kPatterns.end() ? nullptr : &*at;
}

NoiseState::NoiseState(const NoisePattern& pattern, NoiseCipher suite, bool initiator,
                       Bytes prologue, Keys keys)
    : pattern_(&pattern),
      suite_(suite),
      initiator_(initiator),
      s_(std::move(keys.own_static)),
      e_(std::move(keys.ephemeral)),
      s_public_(keys.own_public),
      psks_(std::move(keys.psks)) {
  progress_.rs = keys.their_static;
  const std::string name = protocol_name(pattern, suite);
  static_assert(std::tuple_size_v<crypto::Hash> == kMaxName);
  std::copy(name.begin(), name.end(), progress_.h.begin());
  std::copy(progress_.h.begin(), progress_.h.end(), progress_.ck.mut().begin());
  mix_hash(prologue);
  if (s_ && !s_public_) s_public_ = crypto::public_key(*s_);
  const auto pre_message = [&](bool of_initiator) {
    const auto& point = of_initiator == initiator_ ? s_public_ : progress_.rs;
    if (!point) throw std::logic_error("a Noise pattern lacks a static key that it presumes");
    mix_hash(*point);
  };
  if (pattern.initiator_known) pre_message(true);
  if (pattern.responder_known) pre_message(false);
}

bool NoiseState::finished() const noexcept {
  return pattern_ != nullptr && progress_.message == pattern_->count;
}

bool NoiseState::our_turn(bool writing) const noexcept {
  const bool initiators = progress_.message % 2 == 0;
  return pattern_ != nullptr && !finished() && (initiators == initiator_) == writing;
}

void NoiseState::set_psk(std::size_t index, crypto::Key key) {
  while (psks_.size() <= index) psks_.emplace_back();
  psks_[index] = std::move(key);
}

void NoiseState::set_ephemeral(crypto::Key key) {
  e_ = std::move(key);
}

void NoiseState::mix_hash(Bytes data) {
  progress_.h = crypto::hash({progress_.h, data});
}

void NoiseState::mix_key(Bytes input) {
  auto out = crypto::hkdf2(progress_.ck, input);
  progress_.ck = std::move(out.first);
  progress_.key = front(out.second);
  progress_.keyed = true;
  progress_.nonce = 0;
}

bool NoiseState::mix_psk() {
  if (progress_.psk >= psks_.size()) return false;
  auto out = crypto::hkdf3(progress_.ck, psks_[progress_.psk].bytes());
  progress_.ck = std::move(out.first);
  mix_hash(out.second.bytes());
  progress_.key = front(out.third);
  progress_.keyed = true;
  progress_.nonce = 0;
  ++progress_.psk;
  return true;
}

// Patterns with a PSK mix ephemeral keys into the key as well, so that no key is used twice
// however often the PSK is (section 9.2).
void NoiseState::mix_ephemeral(const crypto::PublicKey& point) {
  mix_hash(point);
  if (pattern_->has_psk()) mix_key(point);
}

bool NoiseState::dh(const std::optional<crypto::Key>& own,
                    const std::optional<crypto::PublicKey>& theirs) {
  if (!own || !theirs) return false;
  const auto secret = crypto::shared_secret(*own, *theirs);
  if (!secret) return false;
  mix_key(secret->bytes());
  return true;
}

bool NoiseState::encrypt_and_hash(Bytes text, MutBytes& out) {
  const std::size_t size = text.size() + (progress_.keyed ? kTag : 0);
  if (out.size() < size) return false;
  std::copy(text.begin(), text.end(), out.begin());
  if (progress_.keyed) {
    aead(suite_, progress_.key)
        .seal(nonce(progress_.nonce++), progress_.h, out.first(text.size()),
              out.subspan(text.size(), kTag));
  }
  mix_hash(out.first(size));
  out = out.subspan(size);
  return true;
}

// out.size() is the plaintext's size.
bool NoiseState::decrypt_and_hash(Bytes sealed, MutBytes out) {
  std::copy_n(sealed.begin(), out.size(), out.begin());
  if (progress_.keyed &&
      !aead(suite_, progress_.key)
           .open(nonce(progress_.nonce++), progress_.h, out, sealed.subspan(out.size()))) {
    return false;
  }
  mix_hash(sealed);
  return true;
}

bool NoiseState::mix_token(std::uint8_t token) {
  switch (static_cast<Token>(token)) {
    case ee:
      return dh(e_, progress_.re);
    case es:
      return initiator_ ? dh(e_, progress_.rs) : dh(s_, progress_.re);
    case se:
      return initiator_ ? dh(s_, progress_.re) : dh(e_, progress_.rs);
    case ss:
      return dh(s_, progress_.rs);
    case psk:
      return mix_psk();
    case e:
    case s:
    case end:
      return false;
  }
  return false;
}

bool NoiseState::write_token(std::uint8_t token, MutBytes& out) {
  if (token == s) return s_public_ && encrypt_and_hash(*s_public_, out);
  if (token != e) return mix_token(token);
  if (!e_ || out.size() < kPoint) return false;
  const crypto::PublicKey point = crypto::public_key(*e_);
  std::copy(point.begin(), point.end(), out.begin());
  out = out.subspan(kPoint);
  mix_ephemeral(point);
  return true;
}

bool NoiseState::read_static(Bytes& in) {
  const std::size_t size = kPoint + (progress_.keyed ? kTag : 0);
  if (in.size() < size) return false;
  crypto::PublicKey point{};
  if (!decrypt_and_hash(in.first(size), point)) return false;
  in = in.subspan(size);
  progress_.rs = point;
  return true;
}

bool NoiseState::read_token(std::uint8_t token, Bytes& in) {
  if (token == s) return read_static(in);
  if (token != e) return mix_token(token);
  if (in.size() < kPoint) return false;
  crypto::PublicKey point{};
  std::copy_n(in.begin(), kPoint, point.begin());
  in = in.subspan(kPoint);
  progress_.re = point;
  mix_ephemeral(point);
  return true;
}

std::optional<std::size_t> NoiseState::write(Bytes payload, MutBytes out) {
  if (!our_turn(true)) return std::nullopt;
  const std::size_t room = out.size();
  for (const Token token : pattern_->messages[progress_.message]) {
    if (token == end) break;
    if (!write_token(token, out)) return std::nullopt;
  }
  if (!encrypt_and_hash(payload, out)) return std::nullopt;
  ++progress_.message;
  return room - out.size();
}

NoiseState::Progress NoiseState::snapshot() const {
  Progress copy;
  copy.message = progress_.message;
  copy.psk = progress_.psk;
  copy.ck = progress_.ck.clone();
  copy.h = progress_.h;
  copy.key = progress_.key.clone();
  copy.keyed = progress_.keyed;
  copy.nonce = progress_.nonce;
  copy.re = progress_.re;
  copy.rs = progress_.rs;
  return copy;
}

bool NoiseState::read_message(Bytes message, MutBytes payload, std::size_t& size) {
  for (const Token token : pattern_->messages[progress_.message]) {
    if (token == end) break;
    if (!read_token(token, message)) return false;
  }
  const std::size_t overhead = progress_.keyed ? kTag : 0;
  if (message.size() < overhead || payload.size() < message.size() - overhead) return false;
  size = message.size() - overhead;
  if (!decrypt_and_hash(message, payload.first(size))) return false;
  ++progress_.message;
  return true;
}

std::optional<std::size_t> NoiseState::read(Bytes message, MutBytes payload) {
  if (!our_turn(false)) return std::nullopt;
  Progress before = snapshot();
  std::size_t size = 0;
  if (read_message(message, payload, size)) return size;
  progress_ = std::move(before);
  return std::nullopt;
}

NoiseState::Split NoiseState::split() {
  if (!finished()) throw std::logic_error("a Noise handshake was split before its end");
  const auto out = crypto::hkdf2(progress_.ck, {});
  Split keys{front(out.first), front(out.second)};
  const crypto::Hash h = progress_.h;
  *this = NoiseState();
  progress_.h = h;
  return keys;
}

}  // namespace vpnd::wire
