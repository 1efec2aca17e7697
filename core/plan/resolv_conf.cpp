// SPDX-License-Identifier: ISC
#include "core/plan/resolv_conf.h"

#include "core/base/text.h"
#include "core/plan/config.h"

namespace vpnd::plan {
std::vector<Address> nameservers(std::string_view text) {
  std::vector<Address> out;
  while (!text.empty()) {
    std::string_view line = take_until(text, '\n');
    if (take_word(line) != "nameserver") continue;
    if (const auto address = Address::parse(take_word(line))) out.push_back(*address);
  }
  return out;
}

std::vector<Address> askable(const std::vector<Address>& all) {
  std::vector<Address> out;
  const Prefix link_local{Address::v6(ByteArray<16>{0xfe, 0x80}), 10};
  for (const Address& a : all) {
    if (is_unicast(a) && (a.is_v4() || !link_local.contains(a))) out.push_back(a);
  }
  return out;
}

std::vector<Address> hosts_addresses(std::string_view text, std::string_view name) {
  const auto wanted = wire::DnsName::parse(name);
  std::vector<Address> out;
  while (wanted && !text.empty()) {
    std::string_view line = take_until(text, '\n');
    line = line.substr(0, line.find('#'));
    const auto address = Address::parse(take_word(line));
    if (!address) continue;
    for (auto word = take_word(line); !word.empty(); word = take_word(line)) {
      const auto known = wire::DnsName::parse(word);
      if (known && *known == *wanted) {
        out.push_back(*address);
        break;
      }
    }
  }
  return out;
}

std::optional<wire::DnsName> looked_up_name(std::string_view host) noexcept {
  if (Address::parse(host)) return std::nullopt;
  if (host.ends_with('.')) host.remove_suffix(1);
  const auto dot = host.rfind('.');
  if (dot == host.npos || host.substr(dot) == ".local") return std::nullopt;
  return wire::DnsName::parse(host);
}

}  // namespace vpnd::plan
