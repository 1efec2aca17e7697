// SPDX-License-Identifier: ISC
#include "linux/resolver.h"

namespace vpnd::nl {

std::vector<DnsMethod> dns_methods(plan::DnsMode mode, bool elsewhere) {
  using plan::DnsMode;
  std::vector<DnsMethod> out;
  if (mode == DnsMode::automatic || mode == DnsMode::resolved) out.push_back(DnsMethod::resolved);
  const bool file = mode == DnsMode::automatic || mode == DnsMode::file;
  if (file && !elsewhere) out.push_back(DnsMethod::file);
  return out;
}

bool resolved_answers(std::string_view mode, std::string_view link_target) {
  if (mode.empty()) return link_target.find("/systemd/resolve/") != link_target.npos;
  return mode == "stub" || mode == "uplink" || mode == "static";
}

std::string resolver_text(const DnsServers& d, std::string_view before, bool absent) {
  return plan::resolver_text({d.interface, d.mode, d.servers, d.domains}, before, absent);
}

}  // namespace vpnd::nl
