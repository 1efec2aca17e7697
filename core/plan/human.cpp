// SPDX-License-Identifier: ISC
#include "core/plan/human.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>

#include "core/base/utf8.h"

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

std::string human_rate(std::uint64_t bits_per_second) {
  if (bits_per_second < 1000) return fmt::format("{} bit/s", bits_per_second);
  constexpr const char* kUnits[] = {"kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"};
  double value = static_cast<double>(bits_per_second) / 1000;
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < std::size(kUnits)) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{:.{}f} {}", value, value < 9.95 ? 1 : 0, kUnits[unit]);
}

std::string utc_text(WallMs at) {
  using namespace std::chrono;
  constexpr WallMs kLast = 253402300799999;  // 9999-12-31T23:59:59.999
  const auto since = milliseconds(std::min(at, kLast));
  const auto day = floor<days>(sys_time<milliseconds>(since));
  const year_month_day date(day);
  const hh_mm_ss clock(sys_time<milliseconds>(since) - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

std::optional<WallMs> parse_utc(std::string_view text) noexcept {
  using namespace std::chrono;
  constexpr std::string_view kForm = "0000-00-00T00:00:00.000Z";
  if (text.size() != kForm.size()) return std::nullopt;
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kForm[i] == '0' ? !digit : text[i] != kForm[i]) return std::nullopt;
  }
  const auto number = [text](std::size_t from, std::size_t length) {
    unsigned n = 0;
    std::from_chars(text.data() + from, text.data() + from + length, n);
    return n;
  };
  const year_month_day date(year(static_cast<int>(number(0, 4))), month(number(5, 2)),
                            day(number(8, 2)));
  const unsigned h = number(11, 2), min = number(14, 2), s = number(17, 2);
  if (!date.ok() || h > 23 || min > 59 || s > 59 || date < year_month_day(1970y / January / 1)) {
    return std::nullopt;
  }
  const auto at = sys_time<milliseconds>(sys_days(date)) + hours(h) + minutes(min) + seconds(s) +
                  milliseconds(number(20, 3));
  return static_cast<WallMs>(at.time_since_epoch().count());
}

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const CodePoint c = first_code_point(text);
    const bool control = c.value < 0x20 || (c.value >= 0x7f && c.value < 0xa0);
    out += c.valid && !control ? text.substr(0, c.bytes) : std::string_view("?");
    text.remove_prefix(c.bytes);
  }
  return out;
}

}  // namespace vpnd::plan
