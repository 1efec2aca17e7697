// SPDX-License-Identifier: ISC
#include "core/engine/rate_limiter.h"

#include <algorithm>
#include <chrono>

namespace vpnd::engine {
namespace {

SourceHash seeded(const Entropy& entropy) {
  ByteArray<8> raw{};
  entropy(raw);
  return {load_le64(raw.data())};
}

}  // namespace

bool Bucket::has(const Rate& rate, TimePoint now) const noexcept {
  return next(rate) <= now;
}

TimePoint Bucket::next(const Rate& rate) const noexcept {
  return full_at_ - rate.interval * (static_cast<std::int64_t>(rate.burst) - 1);
}

void Bucket::take(const Rate& rate, TimePoint now) noexcept {
  full_at_ = std::max(full_at_, now) + rate.interval;
}

RateLimiter::RateLimiter(Rate rate, std::size_t max_sources, const Entropy& entropy)
    : rate_(rate), max_(max_sources), buckets_(16, seeded(entropy)) {}

bool RateLimiter::has(const Source& source, TimePoint now) const noexcept {
  const auto found = buckets_.find(source);
  return found == buckets_.end() || found->second.has(rate_, now);
}

bool RateLimiter::take(const Source& source, TimePoint now) {
  auto found = buckets_.find(source);
  if (found == buckets_.end()) {
    if (buckets_.size() >= max_) sweep(now);
    if (buckets_.size() >= max_) return true;
    found = buckets_.emplace(source, Bucket{}).first;
  }
  if (!found->second.has(rate_, now)) return false;
  found->second.take(rate_, now);
  return true;
}

void RateLimiter::sweep(TimePoint now) {
  if (now < swept_ + std::chrono::seconds(1)) return;  // a walk for each newcomer would be a gift
  swept_ = now;
  std::erase_if(buckets_, [&](const auto& e) { return e.second.full(now); });
}

}  // namespace vpnd::engine
