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
struct NoisePattern;  // a table of tokens; noise.cpp
const NoisePattern* noise_pattern(std::string_view name) noexcept;  // nullptr: unknown

class NoiseState {
 public:
  struct Keys {
    std::optional<crypto::Key> own_static, ephemeral;
    std::optional<crypto::PublicKey> their_static;
    std::vector<crypto::Key> psks;  // in order of use
  };
  NoiseState() = default;  // unusable until assigned
  NoiseState(const NoisePattern&, NoiseCipher, bool initiator, Bytes prologue, Keys keys);
  NoiseState(NoiseState&&) noexcept = default;
  NoiseState& operator=(NoiseState&&) noexcept = default;

  // The next message of the pattern. out must hold payload and overhead; returns bytes written.
  // nullopt (a point that gives an all-zero secret): the handshake is dead.
  std::optional<std::size_t> write(Bytes payload, MutBytes out);
  // Returns the payload's size, written to `payload`. nullopt: nothing changed, and the same state
  // may read another message.
  std::optional<std::size_t> read(Bytes message, MutBytes payload);

  // Known once the token "s" was read (IK: after the first message).
  const std::optional<crypto::PublicKey>& their_static() const noexcept { return rs_; }
  void set_psk(std::size_t index, crypto::Key psk);  // before the token "psk" needs it
  void set_ephemeral(crypto::Key e);
  bool finished() const noexcept;
  const crypto::Hash& hash() const noexcept { return h_; }
  struct Split {
    crypto::Key first, second;  // initiator to responder, responder to initiator
  };
  Split split();  // wipes the state

 private:
  struct Cipher {
    crypto::Key key;
    bool set = false;
    std::uint64_t nonce = 0;
  };
  NoiseState clone() const;  // read works on a copy, so that a bad message changes nothing
  bool dh(const std::optional<crypto::Key>& own, const std::optional<crypto::PublicKey>& theirs);
  void mix_hash(Bytes data);
  void mix_key(Bytes input);
  void mix_key_and_hash(Bytes input);
  std::size_t encrypt_and_hash(Bytes text, MutBytes out);
  bool decrypt_and_hash(Bytes sealed, MutBytes out);
  bool token(std::uint8_t token, bool writing, Bytes& in, MutBytes& out);
  bool read_tokens(Bytes message, MutBytes payload, std::size_t& size);

  const NoisePattern* pattern_ = nullptr;
  NoiseCipher suite_ = NoiseCipher::chacha_poly;
  bool initiator_ = true;
  std::size_t message_ = 0, psk_next_ = 0;
  crypto::Secret<64> ck_;
  crypto::Hash h_{};
  Cipher cipher_;
  std::optional<crypto::Key> s_, e_;
  std::optional<crypto::PublicKey> rs_, re_;
  std::vector<crypto::Key> psks_;
};

}  // namespace vpnd::wire
