// SPDX-License-Identifier: ISC
#include "linux/networks.h"

#include <algorithm>

namespace vpnd::nl {
namespace {

Prefix v6_prefix(std::uint8_t first, std::uint8_t second, std::uint8_t length) noexcept {
  ByteArray<16> bytes{};
  bytes[0] = first;
  bytes[1] = second;
  return {Address::v6(bytes), length};
}

bool among(const std::vector<std::string>& names, const std::string& name) noexcept {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool routable(const Address& a) noexcept {
  if (is_link_local(Prefix::host(a))) return false;
  const std::uint8_t first = a.bytes()[0];
  return first != 0 && first != (a.is_v4() ? 127 : 0xff);  // ::1 and its like begin with 0
}

}  // namespace

bool is_private(const Prefix& p) noexcept {
  const Prefix ranges[] = {
      {Address::v4(10, 0, 0, 0), 8},     {Address::v4(172, 16, 0, 0), 12},
      {Address::v4(192, 168, 0, 0), 16}, {Address::v4(169, 254, 0, 0), 16},
      v6_prefix(0xfe, 0x80, 10),         v6_prefix(0xfc, 0x00, 7),
  };
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [&](const Prefix& range) { return range.contains(p); });
}

bool is_link_local(const Prefix& p) noexcept {
  return Prefix{Address::v4(169, 254, 0, 0), 16}.contains(p) ||
         v6_prefix(0xfe, 0x80, 10).contains(p);
}

bool overlap(const Prefix& a, const Prefix& b) noexcept {
  return a.contains(b) || b.contains(a);
}

bool overlaps_any(const Prefix& p, const std::vector<Prefix>& others) noexcept {
  return std::any_of(others.begin(), others.end(), [&](const Prefix& o) { return overlap(p, o); });
}

std::vector<Prefix> connected_prefixes(const HostFacts& facts, const std::string& own) {
  std::vector<Prefix> out;
  for (const HostFacts::Link& link : facts.links) {
    if (link.name == own || link.name == "lo") continue;
    for (const Prefix& p : link.connected) out.push_back(p.masked());
  }
  // Sorted, so that the same host gives the same objects in the same order.
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

const HostFacts::Link* link_towards(const HostFacts& facts, const Address& gateway,
                                    const std::string& own) noexcept {
  const HostFacts::Link* best = nullptr;
  int longest = -1;
  for (const HostFacts::Link& link : facts.links) {
    if (link.name == own) continue;
    for (const Prefix& p : link.connected) {
      if (!p.contains(gateway) || int{p.length} <= longest) continue;
      best = &link;
      longest = p.length;
    }
  }
  return best;
}

std::vector<std::string> forwarding_links(const HostFacts& facts, Family family,
                                          const std::string& own) {
  const auto& uplinks = family == Family::v4 ? facts.uplinks_v4 : facts.uplinks_v6;
  std::vector<std::string> out;
  for (const HostFacts::Link& link : facts.links) {
    if (link.name == own || link.name == "lo") continue;
    const bool wears = std::any_of(link.addresses.begin(), link.addresses.end(), [&](auto& p) {
      return p.address.family() == family && routable(p.address);
    });
    if (wears || among(uplinks, link.name)) out.push_back(link.name);
  }
  return out;
}

bool strict_rp_filter(const HostFacts& facts, const std::string& name) noexcept {
  for (const HostFacts::Link& link : facts.links) {
    if (link.name == name) return std::max(facts.rp_filter_all, link.rp_filter) == 1;
  }
  return false;
}

}  // namespace vpnd::nl
