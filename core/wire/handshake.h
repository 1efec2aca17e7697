// SPDX-License-Identifier: ISC
#pragma once

// The opening messages c1 and s1: a gate block around one Noise message each. Sans-IO: times,
// ephemeral keys and random bytes are arguments. PROTOCOL.md 3 and 4.

#include <optional>

#include "core/base/drop.h"
#include "core/base/entropy.h"
#include "core/wire/hello.h"
#include "core/wire/keys.h"
#include "core/wire/noise.h"

namespace vpnd::wire {

using Block = ByteArray<kBlock>;

// What a finished handshake leaves behind; Session starts from it.
struct Negotiated {
  crypto::Key c2s, s2c;  // Noise Split
  crypto::Hash hash{};   // handshake hash
  crypto::Cipher cipher = crypto::Cipher::chacha20_poly1305;
};

// The plaintext of a gate block, in canonical form.
struct Gate {
  Mode mode = Mode::shared;
  std::uint16_t flags = 0;
  std::uint16_t pad_len = 0;  // random bytes that follow the block
  WallMs time = 0;
  std::uint32_t sender_index = 0;
  ByteArray<16> retry_cookie{};
  std::uint16_t noise_len = 0;
  ByteArray<kMaxNoise> noise{};
  ByteArray<kGateHeader> header{};  // as on the wire, for the prologue
  ByteArray<kGateTag> tag{};        // of the block it came in
  std::uint64_t nonce_id = 0;       // first 8 bytes of N, to remember it by
};

// Random bytes of one block, drawn by the caller.
struct BlockRandom {
  ByteArray<kGateNonce> nonce{};
  std::uint16_t pad_len = 0;  // the caller appends so many random bytes
};
BlockRandom draw_block_random(const Entropy&);

class Initiator {
 public:
  struct Opening {
    HelloC hello;
    WallMs time = 0;
    bool clock_unsure = false;
    Transport transport = Transport::stream;
    std::uint32_t sender_index = 0;
    ByteArray<16> retry_cookie{};
  };
  // The identity must outlive the handshake.
  Initiator(const ClientIdentity&, const Opening&, crypto::Key ephemeral, const BlockRandom&);

  const Block& block() const noexcept { return block_; }  // c1
  enum class Reply : std::uint8_t { session, refused, clock, retry, invalid };
  // After any answer but invalid the handshake is over. Invalid changes nothing.
  [[nodiscard]] Reply read(std::span<const std::uint8_t, kBlock> s1) noexcept;

  const HelloS& hello() const noexcept { return hello_; }  // session, refused
  WallMs server_time() const noexcept { return server_time_; }
  const ByteArray<16>& retry_cookie() const noexcept { return retry_; }
  std::uint16_t reply_pad() const noexcept { return pad_; }  // bytes to discard after s1
  Negotiated take();                                         // session, once

 private:
  const ClientIdentity& identity_;
  Opening opening_;
  NoiseState noise_;
  Block block_{};
  HelloS hello_;
  WallMs server_time_ = 0;
  ByteArray<16> retry_{};
  std::uint16_t pad_ = 0;
};

class Responder {
 public:
  // One XChaCha20-Poly1305 check and the canonical form; no curve work, no state.
  static std::optional<Gate> open(const ServerIdentity&, Transport,
                                  std::span<const std::uint8_t, kBlock> c1) noexcept;

  Responder(const ServerIdentity&, const Gate& c1, Transport);
  // Curve work. bad_handshake or unknown_peer: be silent.
  [[nodiscard]] Drop read() noexcept;
  const HelloC& hello() const noexcept { return hello_; }
  const Identity& identity() const noexcept { return id_; }
  const PeerEntry* peer() const noexcept { return peer_; }  // P

  // s1. hello.cipher must be one that the client offered (unless the status is not ok).
  Block write(const HelloS& hello, crypto::Key ephemeral, WallMs now, const BlockRandom&,
              std::uint32_t sender_index = 0);
  Negotiated take();  // after write of status ok, once

 private:
  const ServerIdentity& server_;
  Gate gate_;
  Transport transport_;
  NoiseState noise_;
  HelloC hello_;
  Identity id_;
  const PeerEntry* peer_ = nullptr;
  crypto::Cipher cipher_ = crypto::Cipher::chacha20_poly1305;
};

// s1 without a Noise message.
Block clock_reply(const ServerIdentity&, const Gate& c1, Transport, WallMs now,
                  const BlockRandom&);
Block retry_reply(const ServerIdentity&, const Gate& c1, WallMs now, const ByteArray<16>& cookie,
                  const BlockRandom&);

}  // namespace vpnd::wire
