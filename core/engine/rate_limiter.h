// SPDX-License-Identifier: ISC
#pragma once

// Token buckets, one for each source, in bounded memory. A bucket is kept as the one moment at
// which it would be full again (the "virtual scheduling" form, ITU-T I.371), so a source that has
// been quiet needs no entry.

#include <cstddef>
#include <unordered_map>

#include "core/base/entropy.h"
#include "core/base/time.h"
#include "core/engine/source.h"

namespace vpnd::engine {

struct Rate {
  Duration interval;  // between tokens
  std::uint32_t burst;
};

class Bucket {
 public:
  bool has(const Rate&, TimePoint now) const noexcept;
  void take(const Rate&, TimePoint now) noexcept;  // pre: has()
  TimePoint next(const Rate&) const noexcept;      // when has() is true again
  bool full(TimePoint now) const noexcept { return full_at_ <= now; }

 private:
  TimePoint full_at_{};
};

class RateLimiter {
 public:
  RateLimiter(Rate, std::size_t max_sources, const Entropy&);
  bool has(const Source&, TimePoint now) const noexcept;
  // False: over the budget. A source that finds the table full is let through: refusing it would
  // hand the decision to whoever filled the table.
  bool take(const Source&, TimePoint now);
  std::size_t sources() const noexcept { return buckets_.size(); }

 private:
  void sweep(TimePoint now);

  Rate rate_;
  std::size_t max_;
  TimePoint swept_{};
  std::unordered_map<Source, Bucket, SourceHash> buckets_;
};

}  // namespace vpnd::engine
