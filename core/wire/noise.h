// SPDX-License-Identifier: ISC
#pragma once

// Noise (specification rev. 34) over X25519 and BLAKE2b: the symmetric state and the patterns that
// vpnd/1 uses (NNpsk0, IKpsk2), and those whose public vectors pin it down.

#include <optional>
#include <string_view>
#include <vector>

#include "core/base/bytes.h"
#include "crypto/hash.h"
#include "crypto/kx.h"
#include "crypto/secret.h"

namespace vpnd::wire {

enum class NoiseCipher : std::uint8_t { chacha_poly, aes_gcm };
// NN, NK... are spelt as in the name: "NNpsk0", "IKpsk2".
struct NoisePattern;                                                // a table of tokens; noise.cpp
const NoisePattern* noise_pattern(std::string_view name) noexcept;  // nullptr: unknown

class NoiseState {
 public:
  struct Keys {
    std::optional<crypto::Key> own_static, ephemeral;
    std::optional<crypto::PublicKey> own_public;  // of own_static; computed where absent
    std::optional<crypto::PublicKey> their_static;
    std::vector<crypto::Key> psks;  // in order of use
  };
  NoiseState() = default;  // unusable until assigned
  // Throws std::logic_error when a key that the pattern takes as known is absent.
  NoiseState(const NoisePattern&, NoiseCipher, bool initiator, Bytes prologue, Keys keys);
  NoiseState(NoiseState&&) noexcept = default;
  NoiseState& operator=(NoiseState&&) noexcept = default;

  // The next message of the pattern. out must hold payload and overhead; returns bytes written.
  // nullopt (a point that gives an all-zero secret, a key that was never set, no room, not our
  // turn): the handshake is dead.
  std::optional<std::size_t> write(Bytes payload, MutBytes out);
  // Returns the payload's size, written to `payload`. nullopt: nothing changed, and the same state
  // may read another message; what `payload` holds then is of no use.
  std::optional<std::size_t> read(Bytes message, MutBytes payload);

  // Known once the token "s" was read (IK: after the first message).
  const std::optional<crypto::PublicKey>& their_static() const noexcept { return progress_.rs; }
  void set_psk(std::size_t index, crypto::Key psk);  // before the token "psk" needs it
  void set_ephemeral(crypto::Key e);
  bool finished() const noexcept;
  const crypto::Hash& hash() const noexcept { return progress_.h; }
  struct Split {
    crypto::Key first, second;  // initiator to responder, responder to initiator
  };
  Split split();  // once, when finished; wipes all secrets, hash() stays

 private:
  // Whatever a message changes, so that a bad one can be undone as a whole.
  struct Progress {
    std::size_t message = 0, psk = 0;  // the next of each
    crypto::Secret<64> ck;
    crypto::Hash h{};
    crypto::Key key;
    bool keyed = false;
    std::uint64_t nonce = 0;
    std::optional<crypto::PublicKey> rs, re;
  };
  Progress snapshot() const;
  bool our_turn(bool writing) const noexcept;
  bool dh(const std::optional<crypto::Key>& own, const std::optional<crypto::PublicKey>& theirs);
  void mix_hash(Bytes data);
  void mix_key(Bytes input);
  void mix_ephemeral(const crypto::PublicKey& e);
  bool mix_psk();
  bool encrypt_and_hash(Bytes text, MutBytes& out);
  bool decrypt_and_hash(Bytes sealed, MutBytes out);
  bool mix_token(std::uint8_t token);
  bool write_token(std::uint8_t token, MutBytes& out);
  bool read_token(std::uint8_t token, Bytes& in);
  bool read_static(Bytes& in);
  bool read_message(Bytes message, MutBytes payload, std::size_t& size);

  const NoisePattern* pattern_ = nullptr;
  NoiseCipher suite_ = NoiseCipher::chacha_poly;
  bool initiator_ = true;
  Progress progress_;
  std::optional<crypto::Key> s_, e_;
  std::optional<crypto::PublicKey> s_public_;
  std::vector<crypto::Key> psks_;
};

}  // namespace vpnd::wire
