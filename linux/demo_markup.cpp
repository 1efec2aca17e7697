// SPDX-License-Identifier: ISC
#include "linux/demo_markup.h"

#include <array>
#include <cstdint>

namespace vpnd::demo {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

// Bytes of the character at the front of a text that is not empty; 0: none that XML 1.0 (2.2) has.
std::size_t character_size(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte(0);
  if (first < 0x80) {
    const bool allowed = first >= 0x20 || first == '\t' || first == '\n' || first == '\r';
    return allowed && first != 0x7f ? 1 : 0;
  }
  const std::size_t size = first < 0xc2   ? 0
                           : first < 0xe0 ? 2
                           : first < 0xf0 ? 3
                           : first < 0xf5 ? 4
                                          : 0;
  if (size == 0 || text.size() < size) return 0;
  char32_t value = first & (0x7fu >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    value = value << 6 | (byte(i) & 0x3fu);
  }
  static constexpr std::array<char32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xd800 && value <= 0xdfff;
  return value < kLeast[size] || value > 0x10ffff || surrogate || (value & 0xfffe) == 0xfffe ? 0
                                                                                             : size;
}

constexpr std::string_view kLightColours =
    "--paper:#fff;--ink:#1b1f24;--dim:#59636e;--rule:#d5dae0;--soft:#f4f6f8;--flow:#0b63b0;"
    "--flow-soft:#cfe3f6;--alert:#b3261e;--alert-soft:#fbe4e1;--good:#1a7037";
constexpr std::string_view kDarkColours =
    "--paper:#14181d;--ink:#e6e9ec;--dim:#9da7b1;--rule:#333b44;--soft:#1d232a;--flow:#6cb2f0;"
    "--flow-soft:#1f3a55;--alert:#ff9389;--alert-soft:#43211f;--good:#6fce8d";

constexpr std::string_view kClasses = R"(
svg text{font:14px system-ui,"Segoe UI","DejaVu Sans",sans-serif;fill:var(--ink)}
svg .small{font-size:12px;fill:var(--dim)}
svg .strong{font-weight:600}
svg .good{fill:var(--good)}
svg .bad{fill:var(--alert)}
svg .box{fill:var(--soft);stroke:var(--dim);stroke-width:1.5}
svg .cable{stroke:var(--dim);stroke-width:2}
svg .tunnel{stroke:var(--flow-soft);stroke-width:16;stroke-linecap:round}
svg .eye{fill:var(--paper);stroke:var(--ink);stroke-width:1.5}
svg .grid{stroke:var(--rule);stroke-width:1}
svg .axis{stroke:var(--dim);stroke-width:1}
svg .area{fill:var(--flow-soft)}
svg .curve{fill:none;stroke:var(--flow);stroke-width:1.75;stroke-linejoin:round}
svg .echo{fill:var(--flow)}
svg .lost{stroke:var(--alert);stroke-width:1.5}
svg .gone{fill:var(--alert-soft)}
svg .mark line{stroke:var(--alert);stroke-width:1.5;stroke-dasharray:5 3}
svg .mark text{fill:var(--alert);font-size:13px}
)";

}  // namespace

std::string escape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t size = character_size(text);
    const std::string_view one = text.substr(0, size);
    if (size == 0) {
      out += kReplacement;
    } else if (one == "&") {
      out += "&amp;";
    } else if (one == "<") {
      out += "&lt;";
    } else if (one == ">") {
      out += "&gt;";
    } else if (one == "\"") {
      out += "&quot;";
    } else {
      out += one;
    }
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return out;
}

// Paper is light, whatever the screen is.
std::string drawing_style() {
  std::string style = "<style>\n:root{";
  style.append(kLightColours).append("}\n@media screen and (prefers-color-scheme:dark){:root{");
  style.append(kDarkColours).append("}}").append(kClasses).append("</style>\n");
  return style;
}

}  // namespace vpnd::demo
