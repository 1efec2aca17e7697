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

std::string lan_text(Lan lan, const std::vector<Prefix>& prefixes) {
  switch (lan) {
    case Lan::none:
      return "; nothing local";
    case Lan::private_only:
      return "; private local networks stay local";
    case Lan::routes:
      return "; every route of the main table stays";
    case Lan::list:
      return "; local: " + join(prefixes);
  }
  return {};
}

const char* life(const Wall& s) {
  if (s.stays) return "; stays until the next start or cleanup";
  return s.mode == KillSwitch::session ? "; ends with us" : "; outlives us";
}

std::string line(const Wall& s) {
  std::string out = fmt::format("wall       {} refused", join(s.guarded));
  if (!s.addresses.empty()) out += " but by " + s.interface;
  if (!s.endpoints.empty()) {
    out += fmt::format("; open: tcp {} with mark {}", join(s.endpoints),
                       static_cast<std::uint32_t>(s.own_traffic));
  }
  if (!s.past_tunnel.empty()) out += ", " + join(s.past_tunnel);
  if (!s.asked.empty()) {
    out += fmt::format("; with that mark the server's name is asked for: udp port 53 of {}",
                       join(s.asked));
  }
  out += lan_text(s.lan, s.lan_prefixes);
  if (s.guard_names) {
    out += s.resolvers.empty() ? "; look-ups outside refused"
                               : "; look-ups go to " + join(s.resolvers);
  }
  if (s.keep_inbound) out += "; answers go back where they were asked for";
  return out + life(s);
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
  if (s.max_connections != 0) out += fmt::format(", {} connections each", s.max_connections);
  if (!s.server_lan.empty()) out += ", also to " + join(s.server_lan);
  for (const auto& [own, theirs] : s.relayed) {
    out += fmt::format("; look-ups at {} answered by {}", own.text(), theirs.text());
  }
  return out;
}

std::string line(const Capture& s) {
  std::string out = fmt::format("capture    {} into {}, except mark {}", join(s.into_tunnel),
                                s.interface, static_cast<std::uint32_t>(s.own_traffic));
  if (!s.past_tunnel.empty()) out += ", except " + join(s.past_tunnel);
  out += lan_text(s.lan, s.lan_prefixes);
  if (s.refuse_v6) out += "; IPv6 refused, since the server has none";
  if (s.gateway) out += "; mark goes by " + s.gateway->text();
  return out;
}

std::string line(const Resolver& s) {
  std::string out = fmt::format("resolver   {} for every name", join(s.servers));
  for (const std::string& d : s.domains) out += (&d == &s.domains.front() ? "; search " : " ") + d;
  if (s.mode == DnsMode::resolved) out += "; by systemd-resolved";
  if (s.mode == DnsMode::file) out += "; by the resolver file";
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
