// SPDX-License-Identifier: ISC
#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace vpnd {

enum class Level : unsigned char { error, warning, notice, info, debug };

// The host or a test supplies the sink; without one nothing is logged. Set before there are other
// threads: each of them calls it. The level may change at any time.
using LogSink = void (*)(Level, std::string_view line);
void set_log(LogSink, Level most_verbose) noexcept;
void set_log_level(Level most_verbose) noexcept;
bool log_wants(Level) noexcept;
void log_line(Level, std::string_view) noexcept;

// Set-up and events only, never per packet.
template<typename... Args>
void log(Level level, fmt::format_string<Args...> format, Args&&... args) {
  if (log_wants(level)) log_line(level, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace vpnd
