// SPDX-License-Identifier: ISC
#include "core/plan/log_json.h"

#include <fmt/format.h>

#include "core/base/json_text.h"
#include "core/plan/config.h"
#include "core/plan/human.h"

namespace vpnd::plan {

std::string log_json(WallMs wall, Level level, std::string_view text, std::string_view tunnel,
                     const Event* event) {
  std::string out = fmt::format(R"({{"time":"{}","level":"{}","message":{})", utc_text(wall),
                                level_name(level), json_text(text));
  const auto add = [&out](std::string_view key, std::string_view value) {
    if (!value.empty()) out += fmt::format(R"(,"{}":{})", key, json_text(value));
  };
  add("tunnel", tunnel);
  if (event != nullptr) {
    add("event", name(event->kind));
    add("peer", event->peer);
    add("endpoint", event->endpoint);
    if (event->errnum != 0) out += fmt::format(R"(,"errno":{})", event->errnum);
  }
  return out + "}\n";
}

}  // namespace vpnd::plan
