// SPDX-License-Identifier: ISC
#include <fmt/format.h>

#include <array>

#include "linux/filter.h"

namespace vpnd::nl {
namespace {

const char* ip_word(Family family) {
  return family == Family::v4 ? "ip" : "ip6";
}

std::string match_text(const NftDevice& m) {
  const bool in = m.side == NftDevice::Side::in;
  return fmt::format("{} {}\"{}\"", in ? "iifname" : "oifname", m.not_equal ? "!= " : "", m.name);
}

std::string match_text(const NftFamily& m) {
  return m.family == Family::v4 ? "meta nfproto ipv4" : "meta nfproto ipv6";
}

std::string prefix_text(const Prefix& p) {
  return p.length == p.address.bits() ? p.address.text() : p.masked().text();
}

// In an arp table the network header is that of ARP, and the addresses are those it tells of.
std::string arp_match_text(const NftAddress& m) {
  return fmt::format("arp {} ip {}{}", m.side == NftAddress::Side::source ? "saddr" : "daddr",
                     m.not_equal ? "!= " : "", prefix_text(m.prefix));
}

std::string match_text(const NftAddress& m) {
  return fmt::format("{} {} {}{}", ip_word(m.prefix.address.family()),
                     m.side == NftAddress::Side::source ? "saddr" : "daddr",
                     m.not_equal ? "!= " : "", prefix_text(m.prefix));
}

std::string match_text(const NftProtocol& m) {
  if (m.number == 6) return "meta l4proto tcp";
  if (m.number == 17) return "meta l4proto udp";
  return fmt::format("meta l4proto {}", m.number);
}

std::string match_text(const NftSourceNotLocal&) {
  return "fib saddr type != local";
}
std::string match_text(const NftEstablished&) {
  return "ct state established,related";
}
std::string match_text(const NftSyn&) {
  return "tcp flags syn / syn,rst";
}

std::string match_text(const NftEchoRequest& m) {
  return m.family == Family::v4 ? "icmp type echo-request" : "icmpv6 type echo-request";
}

std::string match_text(const NftPort& m) {
  return fmt::format("th dport {}", m.number);
}
std::string match_text(const NftSourcePort& m) {
  return fmt::format("th sport {}", m.number);
}
std::string match_text(const NftMark& m) {
  return fmt::format("meta mark {}{}", m.not_equal ? "!= " : "", m.value);
}
std::string match_text(const NftIcmp6& m) {
  return fmt::format("icmpv6 type {}", m.type);
}
std::string match_text(const NftRedirected&) {
  return "ct status dnat";
}
std::string match_text(const NftForThisHost&) {
  return "fib daddr type local";
}
std::string match_text(const NftDirection& m) {
  return m.reply ? "ct direction reply" : "ct direction original";
}
std::string match_text(const NftConnectionMark& m) {
  return fmt::format("ct mark {}", m.value);
}

std::string match_text(const NftFirst&) {
  return "ct status ! confirmed";
}
std::string match_text(const NftConnectionsOver& m) {
  return fmt::format("add @{} {{ {} saddr ct count over {} }}", m.set, ip_word(m.family), m.count);
}

std::string action_text(const NftReject& a) {
  return a.reset ? "reject with tcp reset" : "reject with icmpx admin-prohibited";
}
std::string action_text(const NftRedirect& a) {
  return fmt::format("dnat {} to {}", ip_word(a.to.family()), Endpoint{a.to, a.port}.text());
}
std::string action_text(const NftSetMark& a) {
  return fmt::format("meta mark set {}", a.value);
}
std::string action_text(const NftSetConnectionMark& a) {
  return fmt::format("ct mark set {}", a.value);
}
std::string action_text(const NftLog& a) {
  return fmt::format("limit rate {0}/minute burst {0} packets log prefix \"{1}\"", a.per_minute,
                     a.prefix);
}

std::string action_text(const NftAccept&) {
  return "accept";
}
std::string action_text(const NftDrop&) {
  return "drop";
}
std::string action_text(const NftClampMss&) {
  return "tcp option maxseg size set rt mtu";
}

std::string action_text(const NftTranslate& a) {
  std::string words = "masquerade";
  std::string target;
  if (a.to) {
    words = fmt::format("snat {}", ip_word(a.to->family()));
    target = a.ports && !a.to->is_v4() ? fmt::format("[{}]", a.to->text()) : a.to->text();
  }
  if (a.ports) target += fmt::format(":{}-{}", a.ports->first, a.ports->second);
  if (!target.empty()) words += " to " + target;
  return a.ports ? words + " fully-random" : words;
}

std::string text_in(const NftRule& rule, NftTable::Kind kind) {
  std::string line;
  for (const NftMatch& match : rule.matches) {
    const auto* address = std::get_if<NftAddress>(&match);
    line += kind == NftTable::Kind::arp && address != nullptr
                ? arp_match_text(*address)
                : std::visit([](const auto& m) { return match_text(m); }, match);
    line += " ";
  }
  if (rule.counted) line += "counter ";
  return line + std::visit([](const auto& a) { return action_text(a); }, rule.action);
}

const char* hook_word(NftChain::Hook hook) {
  constexpr std::array kWords{"prerouting", "input", "forward", "output", "postrouting", "input"};
  return kWords[static_cast<std::size_t>(hook)];
}

std::string chain_text(const NftChain& chain, NftTable::Kind kind) {
  constexpr std::array kTypes{"filter", "nat", "route"};
  std::string out = fmt::format("  chain {} {{\n    type {} hook {} priority {}; policy accept;\n",
                                chain.name, kTypes[static_cast<std::size_t>(chain.type)],
                                hook_word(chain.hook), chain.priority);
  for (const NftRule& rule : chain.rules) {
    out += "    " + text_in(rule, kind);
    if (!rule.comment.empty()) out += fmt::format(" comment \"{}\"", rule.comment);
    out += "\n";
  }
  return out + "  }\n";
}

}  // namespace

std::string text(const NftRule& rule) {
  return text_in(rule, NftTable::Kind::inet);
}

std::string text(const NftTable& table, const std::string& comment) {
  std::string out =
      fmt::format("table {} {} {{\n  comment \"{}\"\n",
                  table.kind == NftTable::Kind::arp ? "arp" : "inet", table.name, comment);
  for (const NftSet& set : table.sets) {
    out += fmt::format("  set {} {{ type {}; size {}; flags dynamic; }}\n", set.name,
                       set.family == Family::v4 ? "ipv4_addr" : "ipv6_addr", set.size);
  }
  for (const NftChain& chain : table.chains) out += chain_text(chain, table.kind);
  return out + "}\n";
}

}  // namespace vpnd::nl
