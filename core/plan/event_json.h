// SPDX-License-Identifier: ISC
#pragma once

// What happens to a tunnel, as lines of JSON: schema "vpnd.event/1", within which members and kinds
// are only added. Members: "time" (RFC 3339), "tunnel", "event", "level", "text"; where they apply
// "peer", "endpoint", "errno", and of the first line, "state".

#include <string>
#include <string_view>

#include "core/base/event.h"
#include "core/base/time.h"

namespace vpnd::plan {

inline constexpr std::size_t kMostEventLine = 1 << 20;  // more than any has

std::string event_line(const Event&, std::string_view tunnel, WallMs);
// The first line of a stream: how things stand when it begins. `state` as in vpnd.status/1.
std::string state_line(std::string_view tunnel, std::string_view state, WallMs);
// In place of lines that a slow reader had no room for.
std::string missed_line(std::string_view tunnel, std::uint64_t missed, WallMs);

// A line for people of one such: the time of day (UTC) and the text. Of what is none: as it is.
std::string event_text(std::string_view json);

}  // namespace vpnd::plan
