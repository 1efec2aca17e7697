// SPDX-License-Identifier: ISC
#pragma once

// When to ask the peer whether it is there, and when to give it up: a PING each second while data
// is unanswered, else one each keepalive; dead after three seconds without a byte after a PING.

#include <array>
#include <optional>

#include "core/base/bytes.h"
#include "core/base/time.h"

namespace vpnd::wire {

using PingId = ByteArray<8>;

inline constexpr auto kPingEvery = std::chrono::seconds(1);
inline constexpr auto kAnswerWithin = std::chrono::seconds(3);

class Liveness {
 public:
  Liveness(Duration keepalive, TimePoint now) noexcept;

  void heard() noexcept;  // any byte of the peer
  void sent_data(TimePoint now) noexcept;
  bool ping_due(TimePoint now) const noexcept { return now >= ping_at(); }
  // A PING is pending. Counted from here and not from when it was sealed: on a dead path nothing
  // can be sealed, since the socket takes no more.
  void asked(TimePoint now) noexcept;
  bool dead(TimePoint now) const noexcept { return now >= dead_at(); }
  TimePoint next_deadline() const noexcept;

  void sealed(const PingId&, TimePoint now) noexcept;
  // False: not one of our last PINGs.
  bool answered(const PingId&, TimePoint now) noexcept;
  Duration rtt() const noexcept { return rtt_; }
  Duration rtt_min() const noexcept { return rtt_min_; }

 private:
  struct Ping {
    PingId id{};
    TimePoint at = kNever;  // kNever: answered, or not used
  };
  TimePoint ping_at() const noexcept;
  TimePoint dead_at() const noexcept;

  Duration keepalive_;
  TimePoint keepalive_at_;
  TimePoint last_ping_;
  TimePoint owed_since_ = kNever;   // data was sent and nothing has come since
  TimePoint asked_since_ = kNever;  // the first PING without an answer of any kind
  std::array<Ping, 4> pings_{};
  std::size_t next_slot_ = 0;
  Duration rtt_{}, rtt_min_{};
};

}  // namespace vpnd::wire
