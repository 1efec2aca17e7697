// SPDX-License-Identifier: ISC
#pragma once

#include <string>
#include <string_view>

#include "core/base/event.h"
#include "core/base/time.h"

namespace vpnd::plan {

// A line of the log as one JSON object, and the line's end. Members: "time" (RFC 3339), "level",
// "message"; where they apply "tunnel", "event", "peer", "endpoint", "errno".
std::string log_json(WallMs, Level, std::string_view text, std::string_view tunnel, const Event*);

}  // namespace vpnd::plan
