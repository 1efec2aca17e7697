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

}  // namespace vpnd::plan
