// SPDX-License-Identifier: ISC
// A plan as numbered text.
#include <fmt/format.h>

#include "core/plan/plan.h"

namespace vpnd::plan {
namespace {

std::string join(const auto& values) {
  std::string out;
  for (const auto& v : values) out += (out.empty() ? "" : " ") + v.text();
  return out;
}

std::string line(const Shield& s) {
  return fmt::format("shield     {}, reachable through {} only", join(s.addresses), s.interface);
}

std::string line(const ClampMss& s) {
  return fmt::format("clamp-mss  {}, to the path's mtu", s.interface);
}

std::string line(const Interface& s) {
  return fmt::format("interface  {} mtu {}  {}", s.name, s.mtu, join(s.addresses));
}

std::string line(const Forward& s) {
  std::string out = fmt::format("forward    {}", s.pool_v4.text());
  if (s.pool_v6) out += " " + s.pool_v6->text();
  out += " from " + s.interface;
  if (s.external) {
    out += ", translated to " + s.external->text();
  } else {
    out += s.masquerade ? ", translated" : ", not translated";
  }
  out += s.isolate ? ", clients apart" : ", clients reach each other";
  if (!s.server_lan.empty()) out += ", also to " + join(s.server_lan);
  return out;
}

std::string lan_text(const Capture& s) {
  switch (s.lan) {
    case Lan::none:
      return "; nothing local";
    case Lan::private_only:
      return "; private local networks stay local";
    case Lan::routes:
      return "; every route of the main table stays";
    case Lan::list:
      return "; local: " + join(s.lan_prefixes);
  }
  return {};
}

std::string line(const Capture& s) {
  std::string out = fmt::format("capture    {} into {}, except mark {}", join(s.into_tunnel),
                                s.interface, static_cast<std::uint32_t>(s.own_traffic));
  if (!s.past_tunnel.empty()) out += ", except " + join(s.past_tunnel);
  out += lan_text(s);
  if (s.refuse_v6) out += "; IPv6 refused, since the server has none";
  if (s.gateway) out += "; mark goes by " + s.gateway->text();
  return out;
}

}  // namespace

std::string print(const Plan& plan) {
  std::string out = plan.title + "\n";
  std::string order;
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const auto text = std::visit([](const auto& step) { return line(step); }, plan.steps[i]);
    out += fmt::format("{:>3} {}\n", i + 1, text);
    order = fmt::format(" {}{}", i + 1, order);
  }
  if (plan.steps.empty()) return out + "  nothing to do\n";
  return out + "undone in the order" + order + "\n";
}

}  // namespace vpnd::plan
