// SPDX-License-Identifier: ISC
#pragma once

// The keys of a session over its life: when an epoch or the DH secret is due to be renewed, how far
// a re-key has come, and what may be read at each moment. PROTOCOL.md 6 with every interleaving.
// Sealing and opening records stays with EpochKeys; this says which epoch, and moves it on.

#include <optional>

#include "core/base/entropy.h"
#include "core/base/time.h"
#include "core/wire/session.h"

namespace vpnd::wire {

struct ChannelLimits {  // smaller in tests
  std::uint64_t epoch_bytes = kEpochBytes;
  std::uint64_t epoch_records = kEpochRecords;
  std::uint64_t hard_bytes = kHardBytes;
  Duration rekey_after = kRekeyAfter;
  Duration hard_stop = kHardStop;
};

class Renewal {
 public:
  Renewal(SessionKeys&&, bool client, const ChannelLimits&, const Entropy&, TimePoint now);

  EpochKeys& sending() noexcept { return keys_.sending; }
  EpochKeys& receiving() noexcept { return keys_.receiving; }

  // ---- out. What is to be sealed next. rekey2 is followed by SWITCH(1) as the very next record.
  enum class Step : std::uint8_t { none, rekey1, rekey2, switch_dh, ratchet };
  Step due() const noexcept;
  Bytes message() const noexcept { return rekey_->message(); }  // body of REKEY1, REKEY2
  void begin(const Entropy&);  // client, before REKEY1 is sealed: makes it
  void sealed_message() noexcept { message_pending_ = false; }
  void sealed_ratchet();                          // after SWITCH(0)
  void sealed_dh(const Entropy&, TimePoint now);  // after SWITCH(1)

  // ---- in. False: wrong content, direction or moment.
  bool read_rekey1(Bytes, const Entropy&);                             // server
  bool read_rekey2(Bytes);                                             // client
  bool read_switch(std::uint8_t kind, const Entropy&, TimePoint now);  // either
  // Nothing but SWITCH(1) may come now (REKEY2 was the last record).
  bool only_switch() const noexcept { return only_switch_; }

  // ---- limits
  void want() noexcept { wanted_ = wanted_ || !rekey_; }
  bool wants_peer_to_start() const noexcept { return !client_ && wanted_; }  // PONG flag 1
  void count_sent(std::size_t plaintext) noexcept;
  void count_received(std::size_t plaintext) noexcept;
  void tick(TimePoint now) noexcept;
  bool room(const EpochKeys& keys, std::size_t plaintext) const noexcept {
    return !keys.spent() && keys.bytes() + plaintext <= limits_.hard_bytes;
  }
  bool hard_stop(TimePoint now) const noexcept { return now >= hard_stop_at_; }
  TimePoint next_deadline() const noexcept;

  TimePoint rekey_at() const noexcept { return wanted_ ? kNever : rekey_at_; }

  std::uint64_t rekeys() const noexcept { return rekeys_; }
  std::uint64_t ratchets() const noexcept { return ratchets_; }

 private:
  bool over(const EpochKeys& keys) const noexcept {
    return keys.bytes() >= limits_.epoch_bytes || keys.records() >= limits_.epoch_records;
  }
  void check_limits() noexcept;
  void schedule(const Entropy&, TimePoint now);
  void finish_if_both(const Entropy&, TimePoint now);

  SessionKeys keys_;
  bool client_;
  ChannelLimits limits_;
  std::optional<Rekey> rekey_;    // from REKEY1 until both directions have switched
  bool wanted_ = false;           // client: REKEY1 is due; server: ask for it
  bool message_pending_ = false;  // REKEY1 or REKEY2 is made and not sealed
  bool switched_out_ = false, switched_in_ = false;  // by DH, in this re-key
  bool only_switch_ = false;
  std::uint64_t since_sent_ = 0, since_received_ = 0;  // plaintext since the last DH
  TimePoint rekey_at_ = kNever, hard_stop_at_ = kNever;
  std::uint64_t rekeys_ = 0, ratchets_ = 0;
};

}  // namespace vpnd::wire
