// SPDX-License-Identifier: ISC
#include "linux/facts.h"

#include <libmnl/libmnl.h>
#include <linux/netconf.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <tuple>

#include "linux/fd.h"
#include "linux/rtnl.h"
#include "linux/sysctl.h"

namespace vpnd::nl {
namespace {

constexpr int kForwarding = 1, kRpFilter = 8;  // IPV4_DEVCONF_*, linux/ip.h
constexpr Table kMain{254};

// net.ipv4.conf.all.* and net.ipv6.conf.all.*, which belong to no link.
int netconf_all(Netlink& nl, std::uint8_t family, std::uint16_t what) {
  Message m(RTM_GETNETCONF);
  m.fixed<netconfmsg>().ncm_family = family;
  m.put32(NETCONFA_IFINDEX, static_cast<std::uint32_t>(NETCONFA_IFINDEX_ALL));
  int value = 0;
  nl.ask(m, [&](const nlmsghdr* h) {
    value = static_cast<int>(Attributes(h, sizeof(netconfmsg)).u32(what));
  });
  return value;
}

// Devices are born with the settings called "default", and so is our own.
bool v6_usable() noexcept {
  const Fd any(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return any && sysctl6("default", "disable_ipv6").value_or(1) == 0;
}

void note_default(HostFacts& facts, const Route& r) {
  const bool v4 = r.to.address.is_v4();
  auto& uplinks = v4 ? facts.uplinks_v4 : facts.uplinks_v6;
  auto& gateway = v4 ? facts.gateway_v4 : facts.gateway_v6;
  if (r.interface.empty()) return;
  if (std::find(uplinks.begin(), uplinks.end(), r.interface) != uplinks.end()) return;
  // The routes come by rising metric, so the first one is the one in use.
  if (uplinks.empty()) gateway = r.gateway;
  uplinks.push_back(r.interface);
}

void note_routes(Netlink& nl, HostFacts& facts, Family family) {
  auto all = routes(nl, family, kMain, 0, [](const Dumped<Route>& r) {
    return r.object.type == Route::Type::unicast && r.protocol != kRouteProtocol;
  });
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return std::tie(a.object.metric, a.object.interface) <
           std::tie(b.object.metric, b.object.interface);
  });
  for (const Dumped<Route>& r : all) {
    if (r.object.to.length == 0) note_default(facts, r.object);
    const bool connected = r.protocol == RTPROT_KERNEL && !r.object.gateway;
    for (HostFacts::Link& link : facts.links) {
      if (link.name != r.object.interface) continue;
      if (connected) link.connected.push_back(r.object.to);
      if (!connected && r.object.to.length != 0) link.routed.push_back(r.object.to);
    }
  }
}

}  // namespace

HostFacts gather(Netlink& nl) {
  HostFacts facts;
  const std::vector<Numbered> all = addresses(nl);
  for (const Link& link : links(nl)) {
    HostFacts::Link known;
    known.index = link.index;
    known.name = link.name;
    known.rp_filter = link.setting(kRpFilter);
    known.forwarding = link.setting(kForwarding);
    known.bridge = link.bridge;
    for (const Numbered& a : all) {
      if (a.index == link.index) known.addresses.push_back(a.prefix);
    }
    facts.links.push_back(std::move(known));
  }
  facts.has_v6 = v6_usable();
  note_routes(nl, facts, Family::v4);
  if (facts.has_v6) note_routes(nl, facts, Family::v6);
  facts.rp_filter_all = netconf_all(nl, AF_INET, NETCONFA_RP_FILTER);
  facts.v6_forwarding_all = netconf_all(nl, AF_INET6, NETCONFA_FORWARDING);
  facts.has_force_forwarding = sysctl6("all", "force_forwarding").has_value();
  for (HostFacts::Link& link : facts.links) {
    link.force_forwarding = sysctl6(link.name, "force_forwarding").value_or(0);
  }
  return facts;
}

}  // namespace vpnd::nl
