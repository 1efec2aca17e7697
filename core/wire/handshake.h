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

// What a finished handshake leaves behind; Session starts from it. 64 bytes of locked memory.
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
BlockRandom draw_block_random(const Entropy&);  // padding for a stream

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
  // The identity must outlive the handshake. Throws std::logic_error if its keys cannot be used
  // (a server key of low order): known from the first use of a key file on.
  Initiator(const ClientIdentity&, const Opening&, crypto::Key ephemeral, const BlockRandom&);

  const Block& block() const noexcept { return block_; }  // c1
  enum class Reply : std::uint8_t { session, refused, clock, retry, invalid };
  // After any answer but invalid the handshake is over. Invalid changes nothing, so that the true
  // answer may still come; only when the server itself sends a hello that makes no sense is the
  // handshake over as well.
  [[nodiscard]] Reply read(std::span<const std::uint8_t, kBlock> s1) noexcept;

  const HelloS& hello() const noexcept { return hello_; }  // session, refused
  WallMs server_time() const noexcept { return server_time_; }
  const ByteArray<16>& retry_cookie() const noexcept { return retry_; }
  std::uint16_t reply_pad() const noexcept { return pad_; }  // bytes to discard after s1
  Negotiated take();                                         // session, once

 private:
  Reply read_gate_only(const Gate&) noexcept;
  Reply read_noise(const Gate&) noexcept;

  const ClientIdentity* identity_;
  std::uint16_t offered_;
  Transport transport_;
  bool over_ = false;
  NoiseState noise_;
  Block block_{};
  HelloS hello_;
  WallMs server_time_ = 0;
  ByteArray<16> retry_{};
  std::uint16_t pad_ = 0;
};

class Responder {
 public:
  // One XChaCha20-Poly1305 check and the canonical form; no curve work, no state, no allocation.
  static std::optional<Gate> open(const ServerIdentity&, Transport,
                                  std::span<const std::uint8_t, kBlock> c1) noexcept;

  // The identity must outlive the responder, and its peers may not change meanwhile.
  Responder(const ServerIdentity&, const Gate& c1, Transport);
  // Curve work. bad_handshake or unknown_peer: be silent. May throw std::bad_alloc, when no memory
  // is left for keys.
  [[nodiscard]] Drop read();
  const HelloC& hello() const noexcept { return hello_; }
  const Identity& identity() const noexcept { return id_; }
  const PeerEntry* peer() const noexcept { return peer_; }  // P

  // s1, once, after read() of Drop::none. hello.cipher must be one that the client offered (unless
  // the status is not ok), or std::logic_error is thrown.
  Block write(const HelloS& hello, crypto::Key ephemeral, WallMs now, const BlockRandom&,
              std::uint32_t sender_index = 0);
  // After write of status ok, once. What is left of the responder holds no secret and may go.
  Negotiated take();

 private:
  const ServerIdentity* server_;
  Gate gate_;
  Transport transport_;
  NoiseState noise_;
  HelloC hello_;
  Identity id_;
  const PeerEntry* peer_ = nullptr;
  bool read_ = false;
  crypto::Cipher cipher_ = crypto::Cipher::chacha20_poly1305;
};

// s1 without a Noise message.
Block clock_reply(const ServerIdentity&, const Gate& c1, Transport, WallMs now, const BlockRandom&);
// Datagrams only.
Block retry_reply(const ServerIdentity&, const Gate& c1, WallMs now, const ByteArray<16>& cookie,
                  const BlockRandom&);

}  // namespace vpnd::wire
