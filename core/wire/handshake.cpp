// SPDX-License-Identifier: ISC
#include "core/wire/handshake.h"

#include <algorithm>
#include <stdexcept>
#include <string_view>

#include "crypto/gate_box.h"

namespace vpnd::wire {
namespace {

constexpr std::size_t kSharedC1 = 128, kPublicC1 = 176, kNoiseS1 = 176;
constexpr std::size_t kMaxDatagramPad = 900;
constexpr std::size_t kPrologue = 6 + 2 + kGateHeader;
constexpr std::uint16_t kC1Flags = kFlagClockUnsure;
static_assert(kPublicC1 <= kMaxNoise && kNoiseS1 <= kMaxNoise);
static_assert(kGateHeader + kMaxNoise <= kGatePlain);

using Ad = ByteArray<10 + kGateTag>;  // "vpnd/1 s1", transport, tag of c1

std::size_t noise_length_c1(Mode mode) noexcept {
  return mode == Mode::shared ? kSharedC1 : kPublicC1;
}

const NoisePattern& pattern_of(Mode mode) noexcept {
  return *noise_pattern(mode == Mode::shared ? "NNpsk0" : "IKpsk2");
}

Ad associated(std::string_view label, Transport transport) noexcept {
  Ad ad{};
  std::copy(label.begin(), label.end(), ad.begin());
  ad[9] = static_cast<std::uint8_t>(transport);
  return ad;
}

Bytes ad_c1(Ad& ad, Transport transport) noexcept {
  ad = associated("vpnd/1 c1", transport);
  return Bytes(ad).first(10);
}

Bytes ad_s1(Ad& ad, Transport transport, const ByteArray<kGateTag>& c1_tag) noexcept {
  ad = associated("vpnd/1 s1", transport);
  std::copy(c1_tag.begin(), c1_tag.end(), ad.begin() + 10);
  return ad;
}

void encode_header(const Gate& gate, std::span<std::uint8_t, kGateHeader> out) noexcept {
  out[0] = kVersion;
  out[1] = static_cast<std::uint8_t>(gate.mode);
  store_le16(&out[2], gate.noise_len);
  store_le16(&out[4], gate.pad_len);
  store_le16(&out[6], gate.flags);
  store_le64(&out[8], gate.time);
  store_le32(&out[16], gate.sender_index);
  std::copy(gate.retry_cookie.begin(), gate.retry_cookie.end(), &out[20]);
}

Block seal_block(const Gate& gate, const crypto::Key& key, Bytes ad,
                 const ByteArray<kGateNonce>& nonce) noexcept {
  ByteArray<kGatePlain> plain{};
  encode_header(gate, std::span(plain).first<kGateHeader>());
  std::copy_n(gate.noise.begin(), gate.noise_len, plain.begin() + kGateHeader);
  Block block{};
  std::copy(nonce.begin(), nonce.end(), block.begin());
  crypto::gate_seal(key, nonce, ad, plain, std::span(block).subspan(kGateNonce));
  return block;
}

// The fields that both directions check alike: version, mode, lengths, filler.
bool canonical(const Gate& gate, Mode mode, Transport transport,
               std::span<const std::uint8_t, kGatePlain> plain) noexcept {
  const bool stream = transport == Transport::stream;
  if (plain[0] != kVersion || plain[1] != static_cast<std::uint8_t>(mode)) return false;
  if (gate.noise_len > kMaxNoise) return false;
  if (gate.pad_len > (stream ? kMaxStreamPad : kMaxDatagramPad)) return false;
  if (stream && gate.sender_index != 0) return false;
  const Bytes filler = Bytes(plain).subspan(kGateHeader + gate.noise_len);
  return std::all_of(filler.begin(), filler.end(), [](std::uint8_t b) { return b == 0; });
}

std::optional<Gate> open_block(std::span<const std::uint8_t, kBlock> block, const crypto::Key& key,
                               Bytes ad, Mode mode, Transport transport) noexcept {
  ByteArray<kGatePlain> plain{};
  if (!crypto::gate_open(key, block.first<kGateNonce>(), ad, block.subspan<kGateNonce>(), plain)) {
    return std::nullopt;
  }
  Gate gate;
  gate.mode = mode;
  gate.noise_len = load_le16(&plain[2]);
  gate.pad_len = load_le16(&plain[4]);
  gate.flags = load_le16(&plain[6]);
  gate.time = load_le64(&plain[8]);
  gate.sender_index = load_le32(&plain[16]);
  std::copy_n(&plain[20], gate.retry_cookie.size(), gate.retry_cookie.begin());
  if (!canonical(gate, mode, transport, plain)) return std::nullopt;
  std::copy_n(&plain[kGateHeader], gate.noise_len, gate.noise.begin());
  std::copy_n(plain.begin(), kGateHeader, gate.header.begin());
  std::copy(block.end() - kGateTag, block.end(), gate.tag.begin());
  gate.nonce_id = load_le64(block.data());
  return gate;
}

bool no_cookie(const Gate& gate) noexcept {
  return gate.retry_cookie == ByteArray<16>{};
}

// What an s1 may say besides the common form: a Noise message without flags, or one kind of reply.
bool canonical_s1(const Gate& gate, Transport transport) noexcept {
  if (gate.noise_len == kNoiseS1) return gate.flags == 0 && no_cookie(gate);
  if (gate.noise_len != 0 || gate.sender_index != 0) return false;
  if (gate.flags == kFlagClockReply) return no_cookie(gate);
  return gate.flags == kFlagRetryReply && transport == Transport::datagram;
}

ByteArray<kPrologue> prologue(const Gate& c1, Transport transport) noexcept {
  ByteArray<kPrologue> out{'v', 'p', 'n', 'd', '/', '1'};
  out[6] = static_cast<std::uint8_t>(c1.mode);
  out[7] = static_cast<std::uint8_t>(transport);
  std::copy(c1.header.begin(), c1.header.end(), out.begin() + 8);
  return out;
}

NoiseState client_noise(const ClientIdentity& id, const Gate& c1, Transport transport,
                        crypto::Key ephemeral) {
  NoiseState::Keys keys;
  keys.ephemeral = std::move(ephemeral);
  keys.psks.push_back(id.psk.clone());
  if (id.mode == Mode::public_key) {
    keys.own_static = id.secret.clone();
    keys.own_public = id.own;
    keys.their_static = id.server;
  }
  return NoiseState(pattern_of(id.mode), NoiseCipher::chacha_poly, true, prologue(c1, transport),
                    std::move(keys));
}

NoiseState server_noise(const ServerIdentity& id, const Gate& c1, Transport transport) {
  NoiseState::Keys keys;
  if (id.mode == Mode::shared) {
    keys.psks.push_back(id.psk.clone());
  } else {
    keys.own_static = id.secret.clone();
    keys.own_public = id.own;
  }
  return NoiseState(pattern_of(id.mode), NoiseCipher::chacha_poly, false, prologue(c1, transport),
                    std::move(keys));
}

Negotiated negotiated(NoiseState& noise, crypto::Cipher cipher) {
  const crypto::Hash hash = noise.hash();
  auto keys = noise.split();
  return {std::move(keys.first), std::move(keys.second), hash, cipher};
}

Block gate_only(const ServerIdentity& server, Gate reply, const ByteArray<kGateTag>& c1_tag,
                Transport transport, const BlockRandom& random) noexcept {
  Ad ad;
  reply.mode = server.mode;
  reply.pad_len = random.pad_len;
  return seal_block(reply, server.gate.s2c, ad_s1(ad, transport, c1_tag), random.nonce);
}

}  // namespace

BlockRandom draw_block_random(const Entropy& entropy) {
  BlockRandom random;
  entropy(random.nonce);
  random.pad_len = static_cast<std::uint16_t>(uniform(entropy, kMaxStreamPad + 1));
  return random;
}

Initiator::Initiator(const ClientIdentity& identity, const Opening& opening, crypto::Key ephemeral,
                     const BlockRandom& random)
    : identity_(&identity), offered_(opening.hello.ciphers), transport_(opening.transport) {
  Gate gate;
  gate.mode = identity.mode;
  gate.flags = opening.clock_unsure ? kFlagClockUnsure : std::uint16_t{0};
  gate.pad_len = random.pad_len;
  gate.time = opening.time;
  gate.sender_index = opening.sender_index;
  gate.retry_cookie = opening.retry_cookie;
  gate.noise_len = static_cast<std::uint16_t>(noise_length_c1(identity.mode));
  encode_header(gate, gate.header);
  noise_ = client_noise(identity, gate, transport_, std::move(ephemeral));
  ByteArray<kHelloC> hello{};
  opening.hello.encode(hello);
  if (noise_.write(hello, gate.noise) != std::size_t{gate.noise_len}) {
    throw std::logic_error("the opening cannot be made with these keys");
  }
  Ad ad;
  block_ = seal_block(gate, identity.gate.c2s, ad_c1(ad, transport_), random.nonce);
}

Initiator::Reply Initiator::read(std::span<const std::uint8_t, kBlock> s1) noexcept {
  if (over_) return Reply::invalid;
  ByteArray<kGateTag> tag{};
  std::copy(block_.end() - kGateTag, block_.end(), tag.begin());
  Ad ad;
  const auto gate =
      open_block(s1, identity_->gate.s2c, ad_s1(ad, transport_, tag), identity_->mode, transport_);
  if (!gate || !canonical_s1(*gate, transport_)) return Reply::invalid;
  return gate->noise_len == 0 ? read_gate_only(*gate) : read_noise(*gate);
}

Initiator::Reply Initiator::read_gate_only(const Gate& gate) noexcept {
  over_ = true;
  noise_ = NoiseState();
  pad_ = gate.pad_len;
  server_time_ = gate.time;
  retry_ = gate.retry_cookie;
  return gate.flags == kFlagClockReply ? Reply::clock : Reply::retry;
}

Initiator::Reply Initiator::read_noise(const Gate& gate) noexcept {
  ByteArray<kHelloS> payload{};
  if (noise_.read(Bytes(gate.noise).first(gate.noise_len), payload) != kHelloS) {
    return Reply::invalid;
  }
  over_ = true;
  const auto hello = HelloS::decode(payload);
  const bool chosen_from_ours =
      hello &&
      (hello->status != Status::ok || (offered_ & static_cast<std::uint16_t>(hello->cipher)) != 0);
  if (!chosen_from_ours || hello->status != Status::ok) noise_ = NoiseState();
  if (!chosen_from_ours) return Reply::invalid;
  hello_ = *hello;
  pad_ = gate.pad_len;
  server_time_ = gate.time;
  return hello_.status == Status::ok ? Reply::session : Reply::refused;
}

Negotiated Initiator::take() {
  return negotiated(noise_, hello_.cipher);
}

std::optional<Gate> Responder::open(const ServerIdentity& server, Transport transport,
                                    std::span<const std::uint8_t, kBlock> c1) noexcept {
  Ad ad;
  auto gate = open_block(c1, server.gate.c2s, ad_c1(ad, transport), server.mode, transport);
  if (!gate) return std::nullopt;
  if (gate->noise_len != noise_length_c1(server.mode)) return std::nullopt;
  if ((gate->flags & ~kC1Flags) != 0) return std::nullopt;
  if (transport == Transport::stream && !no_cookie(*gate)) return std::nullopt;
  return gate;
}

Responder::Responder(const ServerIdentity& server, const Gate& c1, Transport transport)
    : server_(&server),
      gate_(c1),
      transport_(transport),
      noise_(server_noise(server, c1, transport)) {}

Drop Responder::read() {
  if (read_) return Drop::bad_handshake;
  ByteArray<kHelloC> payload{};
  const Bytes message = Bytes(gate_.noise).first(gate_.noise_len);
  if (noise_.read(message, payload) != kHelloC) return Drop::bad_handshake;
  // NNpsk0 reads it without curve work; refused here, it cannot fail when s1 is written.
  if (crypto::low_order(message.first<32>())) return Drop::bad_handshake;
  if (server_->mode == Mode::public_key) {
    peer_ = server_->find(*noise_.their_static());
    if (peer_ == nullptr) return Drop::unknown_peer;
    noise_.set_psk(0, peer_->psk.clone());
  }
  const auto hello = HelloC::decode(payload);
  if (!hello) return Drop::bad_handshake;
  hello_ = *hello;
  const Bytes id = peer_ != nullptr ? Bytes(peer_->key) : Bytes(hello_.instance);
  std::copy(id.begin(), id.end(), id_.bytes.begin());
  id_.size = static_cast<std::uint8_t>(id.size());
  read_ = true;
  return Drop::none;
}

Block Responder::write(const HelloS& hello, crypto::Key ephemeral, WallMs now,
                       const BlockRandom& random, std::uint32_t sender_index) {
  const bool granted = hello.status == Status::ok;
  if (!read_) throw std::logic_error("an opening was answered before it was read");
  if (granted && (hello_.ciphers & static_cast<std::uint16_t>(hello.cipher)) == 0) {
    throw std::logic_error("a cipher was chosen that the client did not offer");
  }
  Gate gate;
  gate.mode = server_->mode;
  gate.pad_len = random.pad_len;
  gate.time = now;
  gate.sender_index = sender_index;
  gate.noise_len = kNoiseS1;
  ByteArray<kHelloS> payload{};
  hello.encode(payload);
  noise_.set_ephemeral(std::move(ephemeral));
  if (noise_.write(payload, gate.noise) != kNoiseS1) {
    throw std::logic_error("an opening was answered twice, or cannot be with these keys");
  }
  cipher_ = hello.cipher;
  if (!granted) noise_ = NoiseState();
  Ad ad;
  return seal_block(gate, server_->gate.s2c, ad_s1(ad, transport_, gate_.tag), random.nonce);
}

Negotiated Responder::take() {
  return negotiated(noise_, cipher_);
}

Block clock_reply(const ServerIdentity& server, const Gate& c1, Transport transport, WallMs now,
                  const BlockRandom& random) {
  Gate reply;
  reply.flags = kFlagClockReply;
  reply.time = now;
  return gate_only(server, reply, c1.tag, transport, random);
}

Block retry_reply(const ServerIdentity& server, const Gate& c1, WallMs now,
                  const ByteArray<16>& cookie, const BlockRandom& random) {
  Gate reply;
  reply.flags = kFlagRetryReply;
  reply.time = now;
  reply.retry_cookie = cookie;
  return gate_only(server, reply, c1.tag, Transport::datagram, random);
}

}  // namespace vpnd::wire
