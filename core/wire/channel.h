// SPDX-License-Identifier: ISC
#pragma once

// Everything after the handshake on a stream: records in and out, control messages, key
// confirmation, re-keying with every interleaving of PROTOCOL.md 6, liveness, authenticated close.
// Sans-IO. Records come out in the order in which they are sealed, and that order must be kept on
// the wire; so control is sealed (write_control) before more data is.

#include <memory>

#include "core/base/entropy.h"
#include "core/base/time.h"
#include "core/wire/pushed_config.h"
#include "core/wire/renewal.h"
#include "core/wire/session.h"

namespace vpnd::wire {

struct ChannelParams {
  bool client = true;
  std::uint32_t send_limit = kMaxPlaintext;     // largest L the peer accepts
  std::uint32_t receive_limit = kMaxPlaintext;  // largest L we announced
  Duration keepalive = std::chrono::seconds(10);
  ChannelLimits limits;
};

inline constexpr std::size_t kMaxControlPlain = 1024;  // of what we send
inline constexpr std::size_t kControlRoom = 2048;      // for one write_control

class Channel {
 public:
  Channel(const ChannelParams&, Negotiated&&, Entropy, TimePoint now);
  ~Channel();
  Channel(Channel&&) noexcept;
  Channel& operator=(Channel&&) noexcept;

  // ---- in
  enum class Event : std::uint8_t {
    need_more,  // no whole record in front; consumed is 0
    data,       // `data` is a container
    handled,    // a control record of no concern to the caller
    confirmed,  // server: the client holds the keys; from here on the session may replace others
    lease,      // lease() is new
    config,     // config() is new
    pong,       // rtt() is new
    closed,     // authenticated CLOSE: reason() says why
    failed,     // the connection is dead: `drop` says why
  };
  struct Received {
    Event event = Event::need_more;
    std::size_t consumed = 0;
    MutBytes data;
    Drop drop = Drop::none;
  };
  // Looks at the front of the stream. Call again with the rest until need_more.
  [[nodiscard]] Received receive(MutBytes stream, TimePoint now) noexcept;
  // The whole size of the record in front, for the buffer's sake; 0: its header is not there yet,
  // or is one that receive() refuses.
  std::size_t record_size(Bytes stream) noexcept;
  const Lease& lease() const noexcept;
  const PushedConfig& config() const noexcept;
  Duration rtt() const noexcept;      // smoothed; zero: not measured
  Duration rtt_min() const noexcept;  // the shortest so far; zero: not measured
  CloseReason reason() const noexcept;

  // ---- out
  bool control_pending() const noexcept;
  // Seals pending control messages in order, as many as fit. Returns bytes; 0: nothing pending.
  // out.size() >= kControlRoom.
  [[nodiscard]] std::size_t write_control(MutBytes out, TimePoint now) noexcept;
  // May data be sealed now? False on a client until CONFIRM was sealed (it is pending from the
  // start), on a server until the client confirmed, and after close.
  bool may_send_data() const noexcept;
  // Seals the container at record[4, 4 + length) in place; *wire is the record's size.
  [[nodiscard]] Drop seal_data(MutBytes record, std::size_t length, std::size_t& wire,
                               TimePoint now) noexcept;
  void send_lease(const Lease&);          // server
  void send_config(const PushedConfig&);  // server; Error (config) if it does not fit one message
  void close(CloseReason);                // CLOSE becomes the last pending control message
  void request_rekey(TimePoint now);      // client: REKEY1 now; server: asks by PONG

  // ---- time
  TimePoint next_deadline() const noexcept;
  enum class Health : std::uint8_t { alive, dead };
  // Sends PING when the peer owes us an answer (after 1 s with data outstanding, else each
  // keepalive), starts the DH re-key, ratchets, and says dead after 3 s without an answer to PING,
  // or at a hard limit (CLOSE(key limit) is pending then).
  Health tick(TimePoint now) noexcept;

  // When the DH secret is to be renewed: of a client between re-keys; else kNever.
  TimePoint next_rekey() const noexcept;
  std::uint64_t rekeys() const noexcept;
  std::uint64_t ratchets() const noexcept;
  crypto::Cipher cipher() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace vpnd::wire
