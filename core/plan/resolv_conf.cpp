// SPDX-License-Identifier: ISC
#include "core/plan/resolv_conf.h"

#include "core/plan/config.h"

namespace vpnd::plan {
namespace {

constexpr std::string_view kBlank = " \t\r";

std::string_view next_word(std::string_view& line) {
  const auto from = line.find_first_not_of(kBlank);
  if (from == std::string_view::npos) return line = {};
  line.remove_prefix(from);
  const std::string_view word = line.substr(0, line.find_first_of(kBlank));
  line.remove_prefix(word.size());
  return word;
}

}  // namespace

std::vector<Address> nameservers(std::string_view text) {
  std::vector<Address> out;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (next_word(line) != "nameserver") continue;
    if (const auto address = Address::parse(next_word(line))) out.push_back(*address);
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
