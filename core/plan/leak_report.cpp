// SPDX-License-Identifier: ISC
// What a leak check found, for people and for programs.

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/plan/leak.h"

namespace vpnd::plan {
namespace {

using Json = nlohmann::ordered_json;

const char* what_name(const Way& way) noexcept {
  switch (way.what) {
    case Way::What::look_up:
      return "look-up";
    case Way::What::tls_look_up:
      return "look-up by TLS";
    case Way::What::plain:
      break;
  }
  return way.tcp ? "connection" : "datagram";
}

std::string join(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : ", ") + part;
  return out.empty() ? "none" : out;
}

std::string told(const Outcome& o) {
  switch (o.fate) {
    case Fate::leaked:
      return "LEAK: " + o.detail;
    case Fate::tunnel:
      return "tunnel";
    case Fate::refused:
      return "refused: " + o.detail;
    case Fate::answered:
      return "answered, not seen outside";
    case Fate::unseen:
      break;
  }
  return "not seen outside";
}

std::string last_line(const LeakReport& report) {
  std::string why = "nothing left past the tunnel";
  if (report.leaks() > 0) {
    why = fmt::format("{} of {} ways lead past the tunnel", report.leaks(), report.outcomes.size());
  } else if (report.outcomes.empty()) {
    why = "the tunnel takes nothing that could be tried";
  }
  return fmt::format("{}: {}\n", report.verdict(), why);
}

}  // namespace

std::size_t LeakReport::leaks() const noexcept {
  return static_cast<std::size_t>(
      std::ranges::count_if(outcomes, [](const Outcome& o) { return o.fate == Fate::leaked; }));
}

std::string LeakReport::verdict() const {
  if (leaks() > 0) return "leak";
  return outcomes.empty() ? "untested" : "clean";
}

std::string fate_name(Fate fate) {
  switch (fate) {
    case Fate::leaked:
      return "leak";
    case Fate::tunnel:
      return "tunnel";
    case Fate::refused:
      return "refused";
    case Fate::answered:
      return "answered";
    case Fate::unseen:
      break;
  }
  return "unseen";
}

std::string describe(const Way& way) {
  std::string out = what_name(way);
  if (way.what == Way::What::look_up) {
    out += fmt::format(" at {} by {}", way.to.address.text(), way.tcp ? "TCP" : "UDP");
  } else if (way.what == Way::What::tls_look_up) {
    out += " at " + way.to.address.text();
  } else {
    out += " to " + way.to.text();
  }
  if (!way.device.empty()) out += ", bound to " + way.device;
  if (way.from) out += ", from " + way.from->text();
  if (way.as_root) out += ", as root";
  if (!way.note.empty()) out += fmt::format(" ({})", way.note);
  return out;
}

std::string print(const LeakReport& report) {
  std::string out = fmt::format(
      "{}  {}, kill switch {}; watched: {}\n", report.interface, report.state,
      report.kill_switch.empty() ? "unknown" : report.kill_switch, join(report.watched));
  std::size_t width = 0;
  for (const Outcome& o : report.outcomes) width = std::max(width, describe(o.way).size());
  for (const Outcome& o : report.outcomes) {
    out += fmt::format("  {:<{}}  {}\n", describe(o.way), width, told(o));
  }
  for (const std::string& line : report.left_out) out += "  not tried: " + line + "\n";
  return out + last_line(report);
}

std::string to_json(const LeakReport& report) {
  Json ways = Json::array();
  for (const Outcome& o : report.outcomes) {
    ways.push_back({{"what", what_name(o.way)},
                    {"protocol", o.way.tcp ? "tcp" : "udp"},
                    {"to", o.way.to.text()},
                    {"device", o.way.device},
                    {"from", o.way.from ? o.way.from->text() : std::string()},
                    {"as_root", o.way.as_root},
                    {"note", o.way.note},
                    {"result", fate_name(o.fate)},
                    {"detail", o.detail}});
  }
  const Json j = {{"schema", "vpnd.check/1"},    {"interface", report.interface},
                  {"state", report.state},       {"kill_switch", report.kill_switch},
                  {"verdict", report.verdict()}, {"leaks", report.leaks()},
                  {"watched", report.watched},   {"ways", ways},
                  {"not_tried", report.left_out}};
  return j.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace vpnd::plan
