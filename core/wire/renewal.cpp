// SPDX-License-Identifier: ISC
#include "core/wire/renewal.h"

#include <algorithm>

namespace vpnd::wire {
namespace {

constexpr std::uint8_t kSwitchRatchet = 0, kSwitchDh = 1;

crypto::Key ephemeral(const Entropy& entropy) {
  crypto::Key e;
  entropy(e.mut());
  return e;
}

// d +- 10 %, so that clients which started together do not stay together.
Duration jitter(Duration d, const Entropy& entropy) {
  constexpr std::uint32_t kSteps = 2001;
  return d * 9 / 10 + d / 5 / (kSteps - 1) * uniform(entropy, kSteps);
}

}  // namespace

Renewal::Renewal(SessionKeys&& keys, bool client, const ChannelLimits& limits,
                 const Entropy& entropy, TimePoint now)
    : keys_(std::move(keys)), client_(client), limits_(limits) {
  schedule(entropy, now);
}

void Renewal::schedule(const Entropy& entropy, TimePoint now) {
  since_sent_ = since_received_ = 0;
  hard_stop_at_ = now + limits_.hard_stop;
  if (client_) rekey_at_ = now + jitter(limits_.rekey_after, entropy);
}

Renewal::Step Renewal::due() const noexcept {
  if (rekey_ && message_pending_) return client_ ? Step::rekey1 : Step::rekey2;
  if (client_ && rekey_ && rekey_->finished() && !switched_out_) return Step::switch_dh;
  // A client at its limit starts the re-key first, and ratchets while that has no answer.
  if (over(keys_.sending) && (!client_ || rekey_)) return Step::ratchet;
  if (client_ && wanted_ && !rekey_) return Step::rekey1;
  return Step::none;
}

void Renewal::begin(const Entropy& entropy) {
  if (rekey_) return;
  rekey_ = Rekey::initiate(keys_.rekey_secret, keys_.hash, ephemeral(entropy));
  message_pending_ = true;
  switched_out_ = switched_in_ = wanted_ = false;
  rekey_at_ = kNever;
}

void Renewal::sealed_ratchet() {
  keys_.sending.ratchet();
  ++ratchets_;
}

void Renewal::sealed_dh(const Entropy& entropy, TimePoint now) {
  keys_.sending.rekey(client_ ? rekey_->q_c2s() : rekey_->q_s2c());
  switched_out_ = true;
  finish_if_both(entropy, now);
}

bool Renewal::read_rekey1(Bytes body, const Entropy& entropy) {
  if (client_ || rekey_) return false;
  Rekey r = Rekey::respond(keys_.rekey_secret, keys_.hash);
  if (!r.read_first(body, ephemeral(entropy))) return false;
  rekey_ = std::move(r);
  message_pending_ = true;
  switched_out_ = switched_in_ = wanted_ = false;
  return true;
}

bool Renewal::read_rekey2(Bytes body) {
  if (!client_ || !rekey_ || message_pending_ || rekey_->finished()) return false;
  if (!rekey_->read_second(body)) return false;
  only_switch_ = true;
  return true;
}

bool Renewal::read_switch(std::uint8_t kind, const Entropy& entropy, TimePoint now) {
  if (kind == kSwitchRatchet) {
    if (only_switch_) return false;
    keys_.receiving.ratchet();
    ++ratchets_;
    return true;
  }
  // A server must have sent its own SWITCH(1), since only REKEY2 gave the client the secret; a
  // client reads it right after REKEY2.
  const bool moment = client_ ? only_switch_ : rekey_ && switched_out_ && !switched_in_;
  if (kind != kSwitchDh || !moment) return false;
  only_switch_ = false;
  keys_.receiving.rekey(client_ ? rekey_->q_s2c() : rekey_->q_c2s());
  switched_in_ = true;
  finish_if_both(entropy, now);
  return true;
}

void Renewal::finish_if_both(const Entropy& entropy, TimePoint now) {
  if (!switched_out_ || !switched_in_) return;
  keys_.rekey_secret = rekey_->next_secret(keys_.rekey_secret);
  keys_.hash = rekey_->hash();
  rekey_.reset();
  switched_out_ = switched_in_ = false;
  ++rekeys_;
  schedule(entropy, now);
}

void Renewal::count_sent(std::size_t plaintext) noexcept {
  since_sent_ += plaintext;
  check_limits();
}

void Renewal::count_received(std::size_t plaintext) noexcept {
  since_received_ += plaintext;
  check_limits();
}

void Renewal::check_limits() noexcept {
  if (rekey_) return;
  if (since_sent_ >= limits_.epoch_bytes || since_received_ >= limits_.epoch_bytes ||
      over(keys_.sending) || over(keys_.receiving)) {
    wanted_ = true;
  }
}

void Renewal::tick(TimePoint now) noexcept {
  if (client_ && !rekey_ && now >= rekey_at_) wanted_ = true;
}

TimePoint Renewal::next_deadline() const noexcept {
  return std::min(wanted_ ? kNever : rekey_at_, hard_stop_at_);
}

}  // namespace vpnd::wire
