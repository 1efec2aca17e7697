// SPDX-License-Identifier: ISC
#include "linux/demo_view.h"

#include <fmt/format.h>

#include <linux/netfilter.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "linux/netlink.h"
#include "linux/nft.h"
#include "linux/nft_dump.h"
#include "linux/rtnl.h"
#include "linux/text_file.h"

namespace vpnd::demo {
namespace {

// What nl::text() says of an object, without the word for its kind, and with the names that the
// kernel's own tables have (/usr/share/iproute2/rt_tables).
std::string in_words(const std::string& text) {
  std::string out = text.substr(text.find(' ') + 1);
  static constexpr std::pair<std::string_view, std::string_view> kTables[] = {
      {" table 253", " table default"},
      {" table 254", " table main"},
      {" table 255", " table local"}};
  for (const auto& [number, name] : kTables) {
    const auto at = out.find(number);
    const auto end = at + number.size();
    if (at != out.npos && (end == out.size() || out[end] == ' ')) {
      out.replace(at, number.size(), name);
    }
  }
  return out;
}

std::string nft_family(std::uint8_t family) {
  switch (family) {
    case NFPROTO_INET:
      return "inet";
    case NFPROTO_IPV4:
      return "ip";
    case NFPROTO_IPV6:
      return "ip6";
    case NFPROTO_ARP:
      return "arp";
    case NFPROTO_NETDEV:
      return "netdev";
    case NFPROTO_BRIDGE:
      return "bridge";
    default:
      return fmt::format("family {}", family);
  }
}

// Those that are on, of the ones that a plan may change (objects.h, LinkSetting).
void add_settings(const nl::Link& link, View& view) {
  static constexpr std::pair<int, const char*> kSettings[] = {
      {1, "forwarding"}, {8, "rp_filter"}, {19, "arp_ignore"}, {24, "src_valid_mark"}};
  for (const auto& [number, name] : kSettings) {
    const int value = link.setting(number);
    if (value != 0) {
      view.push_back({Kind::setting, fmt::format("{}: IPv4 {} = {}", link.name, name, value)});
    }
  }
}

// By the files, for rtnetlink does not tell them by name. A kernel may lack the second one.
void add_settings6(const std::string& link, View& view) {
  for (const char* name : {"forwarding", "force_forwarding"}) {
    const std::string value =
        nl::read_text(fmt::format("/proc/sys/net/ipv6/conf/{}/{}", link, name));
    if (!value.empty() && value != "0\n") {
      view.push_back({Kind::setting, fmt::format("{}: IPv6 {} = {}", link, name, value.front())});
    }
  }
}

void add_links(nl::Netlink& nl, View& view) {
  for (const nl::Link& link : nl::links(nl)) {
    view.push_back({Kind::link,
                    fmt::format("{}, {}, mtu {}", link.name, link.up() ? "up" : "down", link.mtu)});
    add_settings(link, view);
    add_settings6(link.name, view);
    for (const Prefix& p : nl::addresses_of(nl, link.index)) {
      view.push_back({Kind::address, in_words(nl::text(nl::AddressOn{link.name, p}))});
    }
  }
}

void add_routing(nl::Netlink& nl, View& view) {
  for (const Family family : {Family::v4, Family::v6}) {
    for (const auto& r : nl::routes(nl, family, std::nullopt, 0)) {
      view.push_back({Kind::route, in_words(nl::text(r.object))});
    }
    for (const auto& r : nl::rules(nl, family)) {
      view.push_back({Kind::rule, in_words(nl::text(r.object))});
    }
  }
}

// What is in a table changes with the tunnel's state; for people its size will do.
void add_tables(View& view) {
  const nl::NftSocket nft;
  using Key = std::pair<std::uint8_t, std::string>;
  std::map<Key, std::pair<unsigned, unsigned>> sizes;  // chains and rules
  for (const auto& chain : nl::list_chains(nft)) ++sizes[{chain.family, chain.table}].first;
  for (const auto& rule : nl::list_rules(nft, 0)) ++sizes[{rule.family, rule.table}].second;
  for (const auto& table : nl::list_tables(nft)) {
    const auto [chains, rules] = sizes[{table.family, table.name}];
    view.push_back(
        {Kind::table,
         fmt::format("{} {}: {} chain{}, {} rule{}", nft_family(table.family), table.name, chains,
                     chains == 1 ? "" : "s", rules, rules == 1 ? "" : "s")});
  }
}

void add_global_settings(View& view) {
  for (const auto& [name, path] :
       {std::pair("IPv4 ip_forward", "/proc/sys/net/ipv4/ip_forward"),
        std::pair("IPv6 all.forwarding", "/proc/sys/net/ipv6/conf/all/forwarding"),
        std::pair("congestion control", "/proc/sys/net/ipv4/tcp_congestion_control")}) {
    std::string value = nl::read_text(std::string(path));
    if (value.ends_with('\n')) value.pop_back();
    if (!value.empty()) view.push_back({Kind::setting, fmt::format("{} = {}", name, value)});
  }
}

}  // namespace

View take_view() {
  nl::Netlink nl;
  View view;
  add_links(nl, view);
  add_routing(nl, view);
  add_tables(view);
  add_global_settings(view);
  std::sort(view.begin(), view.end());
  return view;
}

}  // namespace vpnd::demo
