// SPDX-License-Identifier: ISC
#include "core/plan/event_json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/plan/config.h"
#include "core/plan/human.h"

namespace vpnd::plan {
namespace {

using Json = nlohmann::ordered_json;

Json head(std::string_view tunnel, WallMs at, std::string_view event, std::string_view level) {
  return {{"schema", "vpnd.event/1"},
          {"time", utc_text(at)},
          {"tunnel", tunnel},
          {"event", event},
          {"level", level}};
}

std::string line(const Json& j) {
  return j.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string text_of(const Json& j, const char* key) {
  const auto it = j.find(key);
  return it != j.end() && it->is_string() ? it->get<std::string>() : std::string();
}

}  // namespace

std::string event_line(const Event& e, std::string_view tunnel, WallMs at) {
  Json j = head(tunnel, at, name(e.kind), level_name(e.level));
  j["text"] = e.text;
  if (!e.peer.empty()) j["peer"] = e.peer;
  if (!e.endpoint.empty()) j["endpoint"] = e.endpoint;
  if (e.errnum > 0) j["errno"] = e.errnum;
  return line(j);
}

std::string state_line(std::string_view tunnel, std::string_view state, WallMs at) {
  Json j = head(tunnel, at, "state", "info");
  j["text"] = fmt::format("the tunnel is {}", state);
  j["state"] = state;
  return line(j);
}

std::string missed_line(std::string_view tunnel, std::uint64_t missed, WallMs at) {
  Json j = head(tunnel, at, "missed", "warning");
  j["text"] = fmt::format("{} line{} left out: they were not read in time", missed,
                          missed == 1 ? " was" : "s were");
  j["missed"] = missed;
  return line(j);
}

std::string event_text(std::string_view json) {
  const Json j = Json::parse(json, nullptr, false);
  if (!j.is_object()) return printable(json);
  const std::string time = text_of(j, "time"), text = text_of(j, "text");
  // "2026-11-20T07:01:12.000Z"
  return parse_utc(time) ? fmt::format("{}Z {}", time.substr(11, 8), printable(text))
                         : printable(text);
}

}  // namespace vpnd::plan
