// SPDX-License-Identifier: ISC
#pragma once

// The keys of one stream session: two directions, each an epoch of records under one base key; the
// ratchet and the DH re-key that end an epoch. PROTOCOL.md 5 and 6. No time, no state machine: see
// channel.h.

#include <optional>

#include "core/base/drop.h"
#include "core/wire/handshake.h"
#include "core/wire/messages.h"
#include "crypto/aead.h"

namespace vpnd::wire {

// One direction.
class EpochKeys {
 public:
  EpochKeys(crypto::Key base, crypto::Cipher cipher);
  // Seals plaintext at record[4, 4 + length) in place: masked header before it, tag after it.
  // record must have 4 + length + tag bytes. Returns the bytes of the record on the wire.
  // Pre: length <= kMaxPlaintext, !spent().
  std::size_t seal(RecordType, MutBytes record, std::size_t length) noexcept;

  struct Header {
    RecordType type;
    std::uint32_t length;
  };
  // Unmasks the next header; nullopt if its reserved bits or its type are wrong. Uses nothing up.
  std::optional<Header> peek(std::span<const std::uint8_t, kRecordHeader> wire) noexcept;
  // Opens the record peeked at: body is L + T bytes, decrypted in place.
  [[nodiscard]] bool open(const Header&, MutBytes body) noexcept;

  void ratchet();                    // SWITCH(0)
  void rekey(const crypto::Key& q);  // SWITCH(1)
  std::size_t tag() const noexcept { return crypto::tag_length(cipher_); }
  std::uint64_t bytes() const noexcept { return bytes_; }  // plaintext in this epoch
  std::uint64_t records() const noexcept { return counter_.next(); }
  bool spent() const noexcept { return counter_.spent(); }
  const crypto::Key& base() const noexcept { return base_; }
  void start_at(std::uint64_t counter) noexcept;  // known answers

 private:
  void expand();  // ek, hk from base; counter 0
  std::uint32_t mask(std::uint64_t counter) noexcept;

  crypto::Cipher cipher_;
  crypto::Key base_, hk_;
  std::optional<crypto::AeadKey> ek_;
  crypto::NonceCounter counter_;
  std::uint64_t bytes_ = 0;
  std::uint64_t mask_block_ = ~std::uint64_t{0};
  ByteArray<64> mask_bytes_{};
};

struct SessionKeys {
  EpochKeys sending, receiving;
  crypto::Key rekey_secret;  // rk
  crypto::Hash hash{};       // h
};
SessionKeys session_keys(Negotiated&&, bool client);

// The two 48-byte messages of a DH re-key: NNpsk0 with psk = rk, prologue "vpnd/1 rk" and h.
class Rekey {
 public:
  static Rekey initiate(const crypto::Key& rk, const crypto::Hash& h, crypto::Key ephemeral);
  static Rekey respond(const crypto::Key& rk, const crypto::Hash& h);
  static constexpr std::size_t kMessage = 48;

  const ByteArray<kMessage>& message() const noexcept { return message_; }  // REKEY1, or REKEY2
  bool read_first(Bytes rekey1, crypto::Key ephemeral);  // responder; message() is REKEY2 then
  bool read_second(Bytes rekey2);                        // initiator
  bool finished() const noexcept { return finished_; }
  const crypto::Key& q_c2s() const noexcept { return q_c2s_; }
  const crypto::Key& q_s2c() const noexcept { return q_s2c_; }
  // rk' and h', once both directions have switched.
  crypto::Key next_secret(const crypto::Key& rk) const;
  const crypto::Hash& hash() const noexcept { return hash_; }

 private:
  Rekey() = default;
  void finish();  // takes the split
  NoiseState noise_;
  ByteArray<kMessage> message_{};
  crypto::Key q_c2s_, q_s2c_;
  crypto::Hash hash_{};
  bool finished_ = false;
};

}  // namespace vpnd::wire
