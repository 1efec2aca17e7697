// SPDX-License-Identifier: ISC
#include "core/plan/rate_meter.h"

namespace vpnd::plan {
namespace {

std::uint64_t bits_per_second(std::uint64_t bytes, Duration within) noexcept {
  const std::chrono::duration<double> seconds = within;
  return static_cast<std::uint64_t>(8 * static_cast<double>(bytes) / seconds.count());
}

}  // namespace

void RateMeter::look(TimePoint at, std::uint64_t rx, std::uint64_t tx) {
  if (!looks_.empty()) {
    const Look& last = looks_.back();
    if (rx < last.rx || tx < last.tx || at < last.at) looks_.clear();
  }
  // Of looks that follow each other closely the last one counts, and the first stays to count from.
  if (looks_.size() > 1 && at - looks_[looks_.size() - 2].at < kLeast) looks_.pop_back();
  looks_.push_back({at, rx, tx});
  while (looks_.size() > 2 && at - looks_[1].at >= kWindow) looks_.pop_front();
}

std::optional<Rates> RateMeter::rates() const noexcept {
  if (looks_.size() < 2) return std::nullopt;
  const Look &first = looks_.front(), &last = looks_.back();
  const Duration within = last.at - first.at;
  if (within < kLeast || within > kMost) return std::nullopt;
  return Rates{bits_per_second(last.rx - first.rx, within),
               bits_per_second(last.tx - first.tx, within)};
}

}  // namespace vpnd::plan
