// SPDX-License-Identifier: ISC
// Who else leads this host's traffic into a tunnel, or uses our numbers.

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <set>

#include "linux/change.h"
#include "linux/doctor.h"

namespace vpnd::nl {
namespace {

using enum plan::Verdict;
using plan::Finding;
using plan::Findings;

constexpr std::uint32_t kMain = 254, kDefault = 253, kLocal = 255;
constexpr std::uint32_t kCaptureRule = 30001;  // lower.h
constexpr std::uint32_t kNoSuppression = 0xffffffff;

// Another program's policy rule that looks at nothing but the mark, if at that.
struct OtherRule {
  Family family = Family::v4;
  std::uint32_t priority = 0, table = 0, mark = 0, mask = 0;
  bool inverted = false, only_longer = false;  // suppress_prefixlength: never a default route

  bool takes(std::uint32_t packet_mark) const noexcept {
    return ((packet_mark & mask) == mark) != inverted;
  }
  std::string text() const {
    std::string out = fmt::format("rule {}", priority);
    if (mask != 0) out += fmt::format(" {}fwmark {:#x}", inverted ? "not " : "", mark);
    return out + fmt::format(" lookup {} (IPv{})", table, family == Family::v4 ? 4 : 6);
  }
  std::string removal() const {
    return fmt::format("ip -{} rule del pref {}", family == Family::v4 ? 4 : 6, priority);
  }
};

std::optional<OtherRule> parse(const nlmsghdr* h) {
  if (h->nlmsg_type != RTM_NEWRULE) return std::nullopt;
  const auto* fixed = static_cast<const fib_rule_hdr*>(mnl_nlmsg_get_payload(h));
  const Attributes at(h, sizeof *fixed);
  const bool ours = at.u8(FRA_PROTOCOL) == kRouteProtocol;
  if (ours || fixed->action != FR_ACT_TO_TBL || fixed->tos != 0) return std::nullopt;
  for (const std::uint16_t selector :
       {FRA_SRC, FRA_DST, FRA_IIFNAME, FRA_OIFNAME, FRA_L3MDEV, FRA_UID_RANGE, FRA_IP_PROTO,
        FRA_SPORT_RANGE, FRA_DPORT_RANGE}) {
    if (at.has(selector)) return std::nullopt;
  }
  OtherRule r;
  r.family = fixed->family == AF_INET ? Family::v4 : Family::v6;
  r.priority = at.u32(FRA_PRIORITY);
  r.table = at.u32(FRA_TABLE, fixed->table);
  r.mark = at.u32(FRA_FWMARK);
  r.mask = at.u32(FRA_FWMASK);
  r.inverted = (fixed->flags & FIB_RULE_INVERT) != 0;
  r.only_longer = at.u32(FRA_SUPPRESS_PREFIXLEN, kNoSuppression) != kNoSuppression;
  if (r.table == kLocal || r.table == kDefault) return std::nullopt;
  return r;
}

std::vector<OtherRule> other_rules(Netlink& rt) {
  std::vector<OtherRule> all;
  for (const int family : {AF_INET, AF_INET6}) {
    Message m(RTM_GETRULE);
    m.fixed<fib_rule_hdr>().family = static_cast<std::uint8_t>(family);
    for (OtherRule& r : rt.dump<OtherRule>(m, "list the rules", parse)) all.push_back(r);
  }
  return all;
}

// A default route, or a half of one: 0.0.0.0/1 and 128.0.0.0/1 are put over it by several programs.
std::vector<Route> widest(Netlink& rt, Family family, std::uint32_t table) {
  std::vector<Route> out;
  for (auto& r : routes(rt, family, Table{table}, 0, [](const Dumped<Route>& d) {
         return d.object.to.length <= 1 && d.protocol != kRouteProtocol &&
                d.object.type == Route::Type::unicast;
       })) {
    out.push_back(std::move(r.object));
  }
  return out;
}

// What other VPNs make. PPP is not among them: it is how some reach their provider.
bool is_tunnel(const std::string& kind) noexcept {
  constexpr std::array kKinds{"tun",  "wireguard", "amneziawg", "ovpn", "ipip", "sit", "gre",
                              "gre6", "ip6gre",    "ip6tnl",    "vti",  "vti6", "xfrm"};
  return std::ranges::find(kKinds, kind) != kKinds.end();
}

struct Owner {
  std::string device, kind, what;
  std::vector<std::string> removal;
};

std::string removal(const Route& r) {
  return fmt::format("ip -{} route del {} dev {} table {}", r.to.address.is_v4() ? 4 : 6,
                     r.to.length == 0 ? "default" : r.to.text(), shell_word(r.interface),
                     static_cast<std::uint32_t>(r.table));
}

void note_owner(const Patient& p, const Route& r, const std::string& what,
                const std::optional<std::string>& instead, std::vector<Owner>& owners) {
  const Link* link = p.link(r.interface);
  if (link == nullptr || !is_tunnel(link->kind)) return;
  if (p.is_ours(link->name) || (p.running && link->name == p.interface)) return;
  auto at = std::ranges::find(owners, link->name, &Owner::device);
  if (at == owners.end()) at = owners.insert(at, {link->name, link->kind, what, {}});
  const std::string command = instead ? *instead : removal(r);
  if (std::ranges::find(at->removal, command) == at->removal.end()) {
    at->removal.push_back(command);
  }
}

// Whose tunnel our own connection to the server would go into.
void default_route(const Patient& p, Netlink& rt, const std::vector<OtherRule>& others,
                   Findings& out) {
  std::vector<Owner> owners;
  for (const Family family : {Family::v4, Family::v6}) {
    for (const Route& r : widest(rt, family, kMain)) {
      note_owner(p, r, "the default route of the main table", std::nullopt, owners);
    }
  }
  for (const OtherRule& rule : others) {
    const bool follows = rule.takes(static_cast<std::uint32_t>(p.mark));
    if (!follows || rule.only_longer || rule.table == kMain) continue;
    for (const Route& r : widest(rt, rule.family, rule.table)) {
      note_owner(p, r, "the default route, by " + rule.text(), rule.removal(), owners);
    }
  }
  for (const Owner& o : owners) {
    out.push_back({"conflicts.default-route", problem,
                   fmt::format("{} ({}) has {}: another VPN, and ours would go through it",
                               o.device, o.kind, o.what),
                   "stop that VPN; if it is gone already, take its routes or rules away",
                   o.removal});
  }
  if (owners.empty()) out.push_back({"conflicts.default-route", ok, "no other VPN has it", {}, {}});
}

// Rules that are asked before ours and leave it nothing.
void rules_before_ours(const Patient& p, Netlink& rt, const std::vector<OtherRule>& others,
                       Findings& out) {
  std::vector<std::string> texts, removals;
  for (const OtherRule& rule : others) {
    if (rule.priority >= kCaptureRule || rule.only_longer || !rule.takes(0)) continue;
    if (rule.table == static_cast<std::uint32_t>(p.table)) continue;  // told of by its number
    if (widest(rt, rule.family, rule.table).empty()) continue;
    texts.push_back(rule.text());
    removals.push_back(rule.removal());
  }
  if (texts.empty()) {
    out.push_back({"conflicts.rules", ok, "no rule of others comes before ours", {}, {}});
    return;
  }
  out.push_back({"conflicts.rules", problem,
                 fmt::format("{} takes all traffic before our rule {} is asked",
                             fmt::join(texts, "; "), kCaptureRule),
                 "stop what made it, or give it a priority after ours", removals});
}

void numbers(const Patient& p, Netlink& rt, const std::vector<OtherRule>& others, Findings& out) {
  const auto table = static_cast<std::uint32_t>(p.table), mark = static_cast<std::uint32_t>(p.mark);
  std::vector<std::string> texts, removals;
  for (const OtherRule& rule : others) {
    const bool same_mark = rule.mask != 0 && rule.mark == mark;
    if (rule.table != table && !same_mark) continue;
    texts.push_back(rule.text());
    removals.push_back(rule.removal());
  }
  for (const Family family : {Family::v4, Family::v6}) {
    for (const auto& r : routes(rt, family, p.table, 0)) {
      if (r.protocol == kRouteProtocol) continue;
      texts.push_back(text(r.object));
      removals.push_back(removal(r.object));
    }
  }
  if (texts.empty()) {
    out.push_back({"conflicts.numbers",
                   ok,
                   fmt::format("nobody else uses table {} or mark {}", table, mark),
                   {},
                   {}});
    return;
  }
  out.push_back(
      {"conflicts.numbers", problem,
       fmt::format("somebody else uses our table or mark: {}", fmt::join(texts, "; ")),
       fmt::format("take it away, or set table = {0} and fwmark = {0} under [interface] in the "
                   "tunnel's file",
                   table + 1000),
       removals});
}

}  // namespace

void examine_other_routing(const Patient& p, Netlink& rt, Findings& out) {
  const auto others = other_rules(rt);
  default_route(p, rt, others, out);
  rules_before_ours(p, rt, others, out);
  numbers(p, rt, others, out);
}

}  // namespace vpnd::nl
