// SPDX-License-Identifier: ISC
#include "core/plan/human.h"

#include <fmt/format.h>

namespace vpnd::plan {

std::string human_bytes(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  // What rounds to 1024 already belongs to the next unit.
  while (value >= 1023.5 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f} {}", value, decimals, kUnits[unit]);
}

std::string human_duration(Duration d) {
  using namespace std::chrono;
  if (d < Duration::zero()) d = Duration::zero();
  const auto total = duration_cast<seconds>(d).count();
  const auto s = total % 60, min = total / 60 % 60, h = total / 3600 % 24, days = total / 86400;
  if (days != 0) return fmt::format("{} d {} h", days, h);
  if (h != 0) return fmt::format("{} h {} min", h, min);
  if (min != 0) return fmt::format("{} min {} s", min, s);
  return fmt::format("{} s", s);
}

std::string human_rtt(Duration d) {
  using namespace std::chrono;
  const auto us = duration_cast<microseconds>(d).count();
  if (us <= 0) return "-";
  if (us < 1000) return fmt::format("{} us", us);
  return fmt::format("{:.1f} ms", static_cast<double>(us) / 1000);
}

}  // namespace vpnd::plan
