// SPDX-License-Identifier: ISC
#pragma once

// How fast two counters grow, from looks at them at any moments.

#include <cstdint>
#include <deque>
#include <optional>

#include "core/base/time.h"

namespace vpnd::plan {

struct Rates {
  std::uint64_t rx_bps = 0, tx_bps = 0;  // bits per second
  friend bool operator==(const Rates&, const Rates&) = default;
};

class RateMeter {
 public:
  // Bytes so far. A counter that went back, because it began anew, begins anew here.
  void look(TimePoint, std::uint64_t rx_bytes, std::uint64_t tx_bytes);
  // Over about the last second, or over the time since the look before the last one if that was
  // longer ago. nullopt: that was too long ago to be called now, or there was none.
  std::optional<Rates> rates() const noexcept;

  static constexpr Duration kWindow = std::chrono::seconds(1);
  static constexpr Duration kLeast = std::chrono::milliseconds(100);
  static constexpr Duration kMost = std::chrono::seconds(10);

 private:
  struct Look {
    TimePoint at;
    std::uint64_t rx = 0, tx = 0;
  };
  std::deque<Look> looks_;  // at most kWindow / kLeast and a few
};

}  // namespace vpnd::plan
