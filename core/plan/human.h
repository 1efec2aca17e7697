// SPDX-License-Identifier: ISC
#pragma once

// Numbers as people read them.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/time.h"

namespace vpnd::plan {

std::string human_bytes(std::uint64_t);                 // "1.84 GiB", "212 B"
std::string human_duration(Duration);                   // "2 h 14 min", "41 s"; two units at most
std::string human_rate(std::uint64_t bits_per_second);  // "312 Mbit/s"; steps of 1000
std::string human_rtt(Duration);                        // "18.4 ms", "90 us"; zero: "-"

// RFC 3339, in UTC with milliseconds: "2026-11-20T07:01:12.000Z". Years up to 9999.
std::string utc_text(WallMs);
std::optional<WallMs> parse_utc(std::string_view) noexcept;  // of exactly that form

// A text of others on a terminal: control characters, those of ISO 8859 among them, and what is no
// UTF-8 become '?', so that nothing moves the cursor.
std::string printable(std::string_view);

}  // namespace vpnd::plan
