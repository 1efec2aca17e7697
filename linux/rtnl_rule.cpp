// SPDX-License-Identifier: ISC
#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cstring>

#include "linux/rtnl.h"

namespace vpnd::nl {
namespace {

constexpr std::uint32_t kNoSuppression = 0xffffffff;  // how the kernel says "none" in a dump
constexpr std::uint8_t kTcp = 6, kUdp = 17;

Message rule_message(std::uint16_t type, std::uint16_t flags, const Rule& r) {
  Message m(type, flags);
  auto& fixed = m.fixed<fib_rule_hdr>();
  fixed.family = r.family == Family::v4 ? AF_INET : AF_INET6;
  fixed.action = FR_ACT_TO_TBL;
  fixed.table = RT_TABLE_UNSPEC;
  if (r.invert) fixed.flags = FIB_RULE_INVERT;
  if (r.to) fixed.dst_len = r.to->address.bits();
  m.put32(FRA_PRIORITY, r.priority);
  m.put8(FRA_PROTOCOL, kRouteProtocol);
  m.put32(FRA_TABLE, static_cast<std::uint32_t>(r.table));
  if (r.mark) {
    m.put32(FRA_FWMARK, static_cast<std::uint32_t>(*r.mark));
    m.put32(FRA_FWMASK, 0xffffffff);
  }
  if (r.to) {
    m.put(FRA_DST, r.to->address.bytes());
    m.put8(FRA_IP_PROTO, r.udp ? kUdp : kTcp);
    const fib_rule_port_range port{r.to->port, r.to->port};
    m.put(FRA_DPORT_RANGE, Bytes(reinterpret_cast<const std::uint8_t*>(&port), sizeof port));
  }
  if (r.root_only) {
    const fib_rule_uid_range uids{0, 0};
    m.put(FRA_UID_RANGE, Bytes(reinterpret_cast<const std::uint8_t*>(&uids), sizeof uids));
  }
  if (r.suppress_default) m.put32(FRA_SUPPRESS_PREFIXLEN, 0);
  return m;
}

void parse_destination(const Attributes& at, const fib_rule_hdr& fixed, Rule& r) noexcept {
  const Bytes to = at.bytes(FRA_DST);
  if (fixed.dst_len != 8 * to.size() || (to.size() != 4 && to.size() != 16)) return;
  fib_rule_port_range port{};
  const Bytes range = at.bytes(FRA_DPORT_RANGE);
  if (range.size() == sizeof port) std::memcpy(&port, range.data(), sizeof port);
  r.to = Endpoint{to.size() == 4 ? Address::v4(to) : Address::v6(to), port.start};
  r.udp = at.u8(FRA_IP_PROTO) == kUdp;
}

std::optional<Dumped<Rule>> parse_rule(const nlmsghdr* h) {
  if (h->nlmsg_type != RTM_NEWRULE) return std::nullopt;
  const auto* fixed = static_cast<const fib_rule_hdr*>(mnl_nlmsg_get_payload(h));
  if (fixed->family != AF_INET && fixed->family != AF_INET6) return std::nullopt;
  const Attributes at(h, sizeof *fixed);
  Dumped<Rule> dumped;
  Rule& r = dumped.object;
  r.family = fixed->family == AF_INET ? Family::v4 : Family::v6;
  r.priority = at.u32(FRA_PRIORITY);
  r.table = Table{at.u32(FRA_TABLE, fixed->table)};
  if (at.has(FRA_FWMARK)) r.mark = Fwmark{at.u32(FRA_FWMARK)};
  r.invert = (fixed->flags & FIB_RULE_INVERT) != 0;
  parse_destination(at, *fixed, r);
  fib_rule_uid_range uids{1, 0};
  const Bytes range = at.bytes(FRA_UID_RANGE);
  if (range.size() == sizeof uids) std::memcpy(&uids, range.data(), sizeof uids);
  r.root_only = uids.start == 0 && uids.end == 0;
  r.suppress_default = at.u32(FRA_SUPPRESS_PREFIXLEN, kNoSuppression) == 0;
  dumped.protocol = at.u8(FRA_PROTOCOL);
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(h);
  dumped.message.assign(bytes, bytes + h->nlmsg_len);
  return dumped;
}

}  // namespace

Answer try_add(Netlink& nl, const Rule& r) {
  Message m = rule_message(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, r);
  return nl.try_request(m);
}

Answer remove(Netlink& nl, const Rule& r) {
  Message m = rule_message(RTM_DELRULE, 0, r);
  return nl.try_request(m);
}

std::vector<Dumped<Rule>> rules(Netlink& nl, Family family) {
  Message m(RTM_GETRULE);
  m.fixed<fib_rule_hdr>().family = family == Family::v4 ? AF_INET : AF_INET6;
  return nl.dump<Dumped<Rule>>(m, "list the rules", parse_rule);
}

std::string text(const Rule& r) {
  std::string line = fmt::format("rule {}", r.priority);
  if (r.to) line += fmt::format(" to {} {}", r.to->text(), r.udp ? "udp" : "tcp");
  if (r.mark) {
    line +=
        fmt::format(" {}fwmark {}", r.invert ? "not " : "", static_cast<std::uint32_t>(*r.mark));
  }
  if (r.root_only) line += " uid 0";
  line += fmt::format(" table {}", static_cast<std::uint32_t>(r.table));
  if (r.suppress_default) line += " without default";
  line += r.family == Family::v4 ? " (v4)" : " (v6)";
  return line;
}

}  // namespace vpnd::nl
