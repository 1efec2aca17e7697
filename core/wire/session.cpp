// SPDX-License-Identifier: ISC
#include "core/wire/session.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "crypto/gate_box.h"

namespace vpnd::wire {
namespace {

static_assert(kMaxTagRoom >= crypto::kMaxTag);

constexpr std::uint32_t kLengthMask = 0x1ffff;
constexpr unsigned kTypeShift = 17;
constexpr std::uint64_t kMasksPerBlock = 16;

Bytes text(std::string_view s) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(s.data()), s.size()};
}

std::uint32_t header_word(RecordType type, std::size_t length) noexcept {
  return static_cast<std::uint32_t>(length) | (static_cast<std::uint32_t>(type) << kTypeShift);
}

crypto::Key base_key(const crypto::Key& split, crypto::Cipher cipher, const crypto::Hash& h) {
  const std::array<std::uint8_t, 1> id{static_cast<std::uint8_t>(cipher)};
  return crypto::derive(split.bytes(), {text("vpnd/1 base"), id, h});
}

NoiseState rekey_noise(const crypto::Key& rk, const crypto::Hash& h, bool initiator,
                       std::optional<crypto::Key> ephemeral) {
  const Bytes label = text("vpnd/1 rk");
  std::vector<std::uint8_t> prologue(label.begin(), label.end());
  prologue.insert(prologue.end(), h.begin(), h.end());
  NoiseState::Keys keys;
  keys.ephemeral = std::move(ephemeral);
  keys.psks.push_back(rk.clone());
  return {*noise_pattern("NNpsk0"), NoiseCipher::chacha_poly, initiator, prologue, std::move(keys)};
}

}  // namespace

EpochKeys::EpochKeys(crypto::Key base, crypto::Cipher cipher)
    : cipher_(cipher), base_(std::move(base)) {
  expand();
}

void EpochKeys::expand() {
  ek_.emplace(cipher_, crypto::derive(base_.bytes(), {text("vpnd/1 ek")}));
  hk_ = crypto::derive(base_.bytes(), {text("vpnd/1 hk")});
  counter_ = {};
  bytes_ = 0;
  mask_block_ = ~std::uint64_t{0};
}

std::uint32_t EpochKeys::mask(std::uint64_t counter) noexcept {
  const std::uint64_t block = counter / kMasksPerBlock;
  if (block != mask_block_) {
    crypto::mask_block(hk_, static_cast<std::uint32_t>(block), mask_bytes_);
    mask_block_ = block;
  }
  return load_le32(&mask_bytes_[4 * (counter % kMasksPerBlock)]);
}

std::size_t EpochKeys::seal(RecordType type, MutBytes record, std::size_t length) noexcept {
  const std::uint32_t word = header_word(type, length);
  const std::uint32_t masked = word ^ mask(counter_.next());
  std::array<std::uint8_t, kRecordHeader> ad;
  store_le32(ad.data(), word);
  ek_->seal(counter_.take(), ad, record.subspan(kRecordHeader, length),
            record.subspan(kRecordHeader + length, tag()));
  store_le32(record.data(), masked);
  bytes_ += length;
  return kRecordHeader + length + tag();
}

std::optional<EpochKeys::Header> EpochKeys::peek(
    std::span<const std::uint8_t, kRecordHeader> wire) noexcept {
  const std::uint32_t word = load_le32(wire.data()) ^ mask(counter_.next());
  const std::uint32_t type = word >> kTypeShift;  // and the reserved bits above it
  if (type > static_cast<std::uint32_t>(RecordType::control)) return std::nullopt;
  return Header{static_cast<RecordType>(type), word & kLengthMask};
}

bool EpochKeys::open(const Header& header, MutBytes body) noexcept {
  if (counter_.spent() || body.size() != header.length + tag()) return false;
  std::array<std::uint8_t, kRecordHeader> ad;
  store_le32(ad.data(), header_word(header.type, header.length));
  const MutBytes sealed = body.first(header.length);
  if (!ek_->open(counter_.take(), ad, sealed, body.subspan(header.length))) return false;
  bytes_ += header.length;
  return true;
}

void EpochKeys::ratchet() {
  base_ = crypto::derive(base_.bytes(), {text("vpnd/1 up")});
  expand();
}

void EpochKeys::rekey(const crypto::Key& q) {
  base_ = crypto::derive(base_.bytes(), {text("vpnd/1 dh"), q.bytes()});
  expand();
}

void EpochKeys::start_at(std::uint64_t counter) noexcept {
  counter_ = crypto::NonceCounter::starting_at(counter);
}

SessionKeys session_keys(Negotiated&& n, bool client) {
  EpochKeys c2s(base_key(n.c2s, n.cipher, n.hash), n.cipher);
  EpochKeys s2c(base_key(n.s2c, n.cipher, n.hash), n.cipher);
  crypto::Key rk = crypto::derive(n.c2s.bytes(), {text("vpnd/1 rekey"), n.s2c.bytes(), n.hash});
  n.c2s.wipe();
  n.s2c.wipe();
  return {client ? std::move(c2s) : std::move(s2c), client ? std::move(s2c) : std::move(c2s),
          std::move(rk), n.hash};
}

Rekey Rekey::initiate(const crypto::Key& rk, const crypto::Hash& h, crypto::Key ephemeral) {
  Rekey r;
  r.noise_ = rekey_noise(rk, h, true, std::move(ephemeral));
  // The first message of NNpsk0 holds no DH, so nothing about it can fail.
  (void)r.noise_.write({}, r.message_);
  return r;
}

Rekey Rekey::respond(const crypto::Key& rk, const crypto::Hash& h) {
  Rekey r;
  r.noise_ = rekey_noise(rk, h, false, std::nullopt);
  return r;
}

bool Rekey::read_first(Bytes rekey1, crypto::Key ephemeral) {
  if (finished_ || rekey1.size() != kMessage) return false;
  if (noise_.read(rekey1, {}) != std::size_t{0}) return false;
  noise_.set_ephemeral(std::move(ephemeral));
  if (noise_.write({}, message_) != kMessage) return false;
  finish();
  return true;
}

bool Rekey::read_second(Bytes rekey2) {
  if (finished_ || rekey2.size() != kMessage) return false;
  if (noise_.read(rekey2, {}) != std::size_t{0}) return false;
  finish();
  return true;
}

void Rekey::finish() {
  hash_ = noise_.hash();
  NoiseState::Split split = noise_.split();
  q_c2s_ = std::move(split.first);
  q_s2c_ = std::move(split.second);
  finished_ = true;
}

crypto::Key Rekey::next_secret(const crypto::Key& rk) const {
  return crypto::derive(rk.bytes(), {text("vpnd/1 dh"), q_c2s_.bytes(), q_s2c_.bytes()});
}

}  // namespace vpnd::wire
