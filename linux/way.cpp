// SPDX-License-Identifier: ISC
#include "linux/way.h"

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <functional>

#include "linux/rtnl.h"

namespace vpnd::nl {
namespace {

std::string address_text(Bytes b) {
  if (b.size() == 4) return Address::v4(b).text();
  if (b.size() == 16) return Address::v6(b).text();
  return {};
}

Answer ask_for_route(Netlink& nl, const Address& to, Fwmark mark,
                     const std::function<void(const nlmsghdr*)>& use) {
  Message m(RTM_GETROUTE);
  auto& fixed = m.fixed<rtmsg>();
  fixed.rtm_family = to.is_v4() ? AF_INET : AF_INET6;
  fixed.rtm_dst_len = to.bits();
  m.put(RTA_DST, to.bytes());
  m.put32(RTA_MARK, static_cast<std::uint32_t>(mark));
  return nl.ask(m, [&](const nlmsghdr* h) {
    if (h->nlmsg_type == RTM_NEWROUTE) use(h);
  });
}

}  // namespace

std::string way_to(Netlink& nl, const Address& to, Fwmark mark) {
  std::uint32_t index = 0;
  std::string rest;
  const Answer answer = ask_for_route(nl, to, mark, [&](const nlmsghdr* h) {
    const Attributes at(h, sizeof(rtmsg));
    index = at.u32(RTA_OIF);
    if (at.has(RTA_GATEWAY)) rest += " via " + address_text(at.bytes(RTA_GATEWAY));
    if (at.has(RTA_PREFSRC)) rest += " from " + address_text(at.bytes(RTA_PREFSRC));
  });
  if (answer.errnum != 0 || index == 0) return {};
  const auto link = find_link(nl, static_cast<int>(index));
  if (!link || !link->up() || (link->flags & IFF_LOWER_UP) == 0) return {};
  return fmt::format("{}#{}{}", link->name, link->index, rest);
}

bool comes_here(Netlink& nl, const Address& address) {
  bool local = false;
  (void)ask_for_route(nl, address, Fwmark{}, [&](const nlmsghdr* h) {
    local = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(h))->rtm_type == RTN_LOCAL;
  });
  return local;
}

}  // namespace vpnd::nl
