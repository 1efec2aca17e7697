// SPDX-License-Identifier: ISC
#include "linux/demo_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace vpnd::demo {
namespace {

constexpr std::array<const char*, 8> kBlocks = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr std::array<const char*, 8> kPlain = {"_", ".", ",", "-", "=", "+", "*", "#"};

bool locale_is_utf8() noexcept {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const std::string_view text(value);
    return text.find("UTF-8") != text.npos || text.find("utf8") != text.npos;
  }
  return false;
}

// Seen while the demo still runs, even through a pipe.
void print(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

}  // namespace

Report::Report() : utf8_(locale_is_utf8()) {}

void Report::title() const {
  const char* link = utf8_ ? "──" : "--";
  print(
      fmt::format(" client {0} router {0} server {0} target    "
                  "(private namespaces; your network is untouched)\n",
                  link));
}

bool Report::line(bool held, const std::string& what, const std::string& figures) {
  const char* mark = held ? (utf8_ ? "✓" : "ok  ") : (utf8_ ? "✗" : "FAIL");
  print(fmt::format(" {} {:<30} {}\n", mark, what, figures));
  lines_.push_back({held, what, figures});
  return held;
}

bool Report::all_held() const noexcept {
  return std::ranges::all_of(lines_, &Proof::held);
}

void Report::note(const std::string& text) const {
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    print(fmt::format("     {}\n", text.substr(start, end - start)));
    start = end + 1;
  }
}

std::string Report::curve(const std::vector<double>& values) const {
  if (values.empty()) return {};
  const double most = std::max(1.0, *std::max_element(values.begin(), values.end()));
  std::string line;
  for (const double v : values) {
    const auto level = static_cast<std::size_t>(std::clamp(v / most, 0.0, 1.0) * 7.0 + 0.5);
    line += utf8_ ? kBlocks[level] : kPlain[level];
  }
  return line;
}

std::string rate(double bits) {
  if (bits >= 1e9) return fmt::format("{:.1f} Gbit/s", bits / 1e9);
  return fmt::format("{:.0f} Mbit/s", bits / 1e6);
}

}  // namespace vpnd::demo
