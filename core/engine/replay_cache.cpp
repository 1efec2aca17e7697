// SPDX-License-Identifier: ISC
#include "core/engine/replay_cache.h"

#include <algorithm>
#include <chrono>

#include "core/engine/source.h"
#include "core/wire/messages.h"

namespace vpnd::engine {
namespace {

constexpr WallMs kBeforeStartMs = 5000;
constexpr WallMs kClockStepMs = 1000;

WallMs minus(WallMs a, WallMs b) noexcept {
  return a > b ? a - b : 0;
}

std::uint64_t draw_seed(const Entropy& entropy) {
  ByteArray<8> raw{};
  entropy(raw);
  return load_le64(raw.data());
}

}  // namespace

std::size_t ReplayCache::IdHash::operator()(std::uint64_t id) const noexcept {
  return static_cast<std::size_t>(mix_bits(id ^ seed));
}

ReplayCache::ReplayCache(Now start, const Entropy& entropy, std::size_t entries)
    : max_(entries),
      last_(start),
      floor_(minus(start.wall, kBeforeStartMs)),
      seen_(16, IdHash{draw_seed(entropy)}) {}

// A clock that was set back would leave the floor in the future and shut everybody out; begin anew
// as at a start, but forget nothing.
void ReplayCache::follow_clock(Now now) {
  const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(now.mono - last_.mono);
  const WallMs expected =
      last_.wall + static_cast<WallMs>(std::max<std::int64_t>(0, passed.count()));
  if (now.wall + kClockStepMs < expected) floor_ = minus(now.wall, kBeforeStartMs);
  last_ = now;
}

WallMs ReplayCache::oldest(Now now) {
  follow_clock(now);
  const WallMs low = std::max(minus(now.wall, wire::kClockWindowMs), floor_);
  while (!by_time_.empty() && by_time_.top().time < low) {
    seen_.erase(by_time_.top().id);
    by_time_.pop();
  }
  floor_ = low;  // what was forgotten may not come back, whatever the clock does
  return low;
}

Drop ReplayCache::accept(std::uint64_t nonce_id, WallMs time, Now now) {
  if (time < oldest(now) || time > now.wall + wire::kClockWindowMs) return Drop::bad_time;
  if (seen_.contains(nonce_id)) return Drop::replayed;
  if (seen_.size() >= max_) {
    forget_oldest();
    if (time < floor_) return Drop::bad_time;
  }
  seen_.insert(nonce_id);
  by_time_.push({time, nonce_id});
  return Drop::none;
}

void ReplayCache::forget_oldest() {
  floor_ = by_time_.top().time + 1;
  while (!by_time_.empty() && by_time_.top().time < floor_) {
    seen_.erase(by_time_.top().id);
    by_time_.pop();
  }
}

}  // namespace vpnd::engine
