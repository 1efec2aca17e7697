// SPDX-License-Identifier: ISC
#include "core/wire/liveness.h"

#include <algorithm>

namespace vpnd::wire {
namespace {

TimePoint after(TimePoint t, Duration d) noexcept {
  return t == kNever ? kNever : t + d;
}

}  // namespace

// A keepalive below a second would be a flood, and the number comes from the other side.
Liveness::Liveness(Duration keepalive, TimePoint now) noexcept
    : keepalive_(std::max<Duration>(keepalive, kPingEvery)),
      keepalive_at_(now),  // the first PING at once: it measures the round trip
      last_ping_(now - kPingEvery) {}

void Liveness::heard() noexcept {
  owed_since_ = kNever;
  asked_since_ = kNever;
}

void Liveness::sent_data(TimePoint now) noexcept {
  if (owed_since_ == kNever) owed_since_ = now;
}

void Liveness::asked(TimePoint now) noexcept {
  last_ping_ = now;
  keepalive_at_ = now + keepalive_;
  if (asked_since_ == kNever) asked_since_ = now;
}

TimePoint Liveness::ping_at() const noexcept {
  TimePoint at = keepalive_at_;
  const TimePoint again = last_ping_ + kPingEvery;
  if (owed_since_ != kNever) at = std::min(at, std::max(owed_since_ + kPingEvery, again));
  if (asked_since_ != kNever) at = std::min(at, again);
  return at;
}

TimePoint Liveness::dead_at() const noexcept {
  return after(asked_since_, kAnswerWithin);
}

TimePoint Liveness::next_deadline() const noexcept {
  return std::min(ping_at(), dead_at());
}

void Liveness::sealed(const PingId& id, TimePoint now) noexcept {
  pings_[next_slot_] = {id, now};
  next_slot_ = (next_slot_ + 1) % pings_.size();
}

bool Liveness::answered(const PingId& id, TimePoint now) noexcept {
  const auto it =
      std::ranges::find_if(pings_, [&](const Ping& p) { return p.at != kNever && p.id == id; });
  if (it == pings_.end()) return false;
  const Duration sample = std::max<Duration>(now - it->at, std::chrono::nanoseconds(1));
  rtt_ = rtt_ == Duration{} ? sample : (rtt_ * 7 + sample) / 8;  // RFC 6298's gain
  rtt_min_ = rtt_min_ == Duration{} ? sample : std::min(rtt_min_, sample);
  it->at = kNever;
  return true;
}

}  // namespace vpnd::wire
