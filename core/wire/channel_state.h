// SPDX-License-Identifier: ISC
#pragma once

// The private state of a Channel. channel.cpp writes and keeps time, channel_read.cpp reads. All
// that is pending lives here in fixed room: whatever a peer sends, no queue grows.

#include <array>
#include <optional>

#include "core/wire/channel.h"
#include "core/wire/liveness.h"

namespace vpnd::wire {

class ControlWriter;

struct PendingPongs {
  std::array<PingId, 4> ids{};
  std::size_t count = 0;

  // A peer that asks faster than we can write is told a few times that we are here, no more.
  void add(const PingId& id) noexcept {
    if (count < ids.size()) ids[count++] = id;
  }
};

struct Channel::State {
  State(const ChannelParams& p, Negotiated&& n, Entropy e, TimePoint now)
      : params(p),
        entropy(std::move(e)),
        suite(n.cipher),
        renewal(session_keys(std::move(n), p.client), p.client, p.limits, entropy, now),
        liveness(p.keepalive, now),
        confirm_pending(p.client) {}

  // ---- in; channel_read.cpp
  Received receive(MutBytes stream, TimePoint now);
  Received wait(std::size_t have) noexcept;
  Received fail(Drop) noexcept;
  Received control(MutBytes plain, TimePoint now);
  std::optional<Event> dispatch(Op, Bytes body, TimePoint now);
  std::optional<Event> read_confirm(Bytes body) noexcept;
  std::optional<Event> read_ping(Bytes body) noexcept;
  std::optional<Event> read_pong(Bytes body, TimePoint now) noexcept;
  std::optional<Event> read_close(Bytes body) noexcept;
  std::optional<Event> read_lease(Bytes body) noexcept;
  std::optional<Event> read_config(Bytes body);

  // ---- out; channel.cpp
  void close(CloseReason why) noexcept {
    if (!close_pending && !close_sealed) close_pending = why;
  }
  bool closing() const noexcept { return close_pending || close_sealed; }
  // Until a client has confirmed, a server says nothing: whoever replayed an opening learns
  // nothing.
  bool mute() const noexcept { return (!params.client && !confirmed) || close_sealed; }
  bool pending() const noexcept;
  bool put_all(ControlWriter&, TimePoint now);  // what precedes CLOSE; false: no room for the rest

  ChannelParams params;
  Entropy entropy;
  crypto::Cipher suite;
  Renewal renewal;
  Liveness liveness;

  bool confirm_pending;    // client: not sealed yet
  bool confirmed = false;  // server: read
  bool peer_closed = false;
  Drop dead = Drop::none;
  bool told_dead = false;   // by tick
  std::size_t partial = 0;  // bytes seen of the record in front
  Lease lease;
  PushedConfig config;
  CloseReason reason = CloseReason::shutdown;

  PendingPongs pongs;
  bool ping_pending = false;
  std::optional<Lease> lease_out;
  ByteArray<kMaxControlPlain> config_out{};
  std::size_t config_size = 0;  // 0: none pending
  std::optional<CloseReason> close_pending;
  bool close_sealed = false;
};

}  // namespace vpnd::wire
