// SPDX-License-Identifier: ISC
#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <sys/socket.h>

#include <cstring>

#include "core/base/error.h"
#include "linux/rtnl.h"

namespace vpnd::nl {
namespace {

std::vector<std::int32_t> numbers(Bytes b) {
  std::vector<std::int32_t> values(b.size() / sizeof(std::int32_t));
  if (!values.empty()) std::memcpy(values.data(), b.data(), values.size() * sizeof(std::int32_t));
  return values;
}

std::optional<Link> parse_link(const nlmsghdr* h) {
  if (h->nlmsg_type != RTM_NEWLINK) return std::nullopt;
  const auto* info = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(h));
  const Attributes at(h, sizeof *info);
  Link link;
  link.index = info->ifi_index;
  link.flags = info->ifi_flags;
  link.name = at.text(IFLA_IFNAME);
  link.mtu = at.u32(IFLA_MTU);
  const Attributes families = at.nested(IFLA_AF_SPEC);
  link.devconf4 = numbers(families.nested(AF_INET).bytes(IFLA_INET_CONF));
  const Attributes six = families.nested(AF_INET6);
  if (six.has(IFLA_INET6_ADDR_GEN_MODE)) link.gen_mode = six.u8(IFLA_INET6_ADDR_GEN_MODE);
  link.kind = at.nested(IFLA_LINKINFO).text(IFLA_INFO_KIND);
  link.bridge = link.kind == "bridge";
  return link;
}

std::optional<Link> find(Netlink& nl, Message& m) {
  std::optional<Link> found;
  const Answer answer = nl.ask(m, [&found](const nlmsghdr* h) { found = parse_link(h); });
  if (answer.errnum != 0) return std::nullopt;
  return found;
}

Message change(const Link& link) {
  Message m(RTM_NEWLINK);
  m.fixed<ifinfomsg>().ifi_index = link.index;
  return m;
}

}  // namespace

bool Link::up() const noexcept {
  return (flags & IFF_UP) != 0;
}

int Link::setting(int number) const noexcept {
  const auto at = static_cast<std::size_t>(number) - 1;  // the kernel counts from one
  return number >= 1 && at < devconf4.size() ? devconf4[at] : 0;
}

std::vector<Link> links(Netlink& nl) {
  Message m(RTM_GETLINK);
  m.fixed<ifinfomsg>();
  return nl.dump<Link>(m, "list the interfaces", parse_link);
}

std::optional<Link> find_link(Netlink& nl, const std::string& name) {
  if (name.empty() || name.size() >= IFNAMSIZ) return std::nullopt;
  Message m(RTM_GETLINK);
  m.fixed<ifinfomsg>();
  m.put(IFLA_IFNAME, std::string_view(name));
  return find(nl, m);
}

std::optional<Link> find_link(Netlink& nl, int index) {
  Message m(RTM_GETLINK);
  m.fixed<ifinfomsg>().ifi_index = index;
  return find(nl, m);
}

void set_up(Netlink& nl, const Link& link, bool up) {
  Message m(RTM_NEWLINK);
  auto& info = m.fixed<ifinfomsg>();
  info.ifi_index = link.index;
  info.ifi_change = IFF_UP;
  if (up) info.ifi_flags = IFF_UP;
  nl.request(m, fmt::format("set {} {}", link.name, up ? "up" : "down"));
}

void set_mtu(Netlink& nl, const Link& link, std::uint32_t mtu) {
  Message m = change(link);
  m.put32(IFLA_MTU, mtu);
  nl.request(m, fmt::format("set the mtu of {} to {}", link.name, mtu));
}

// Never together with IFF_UP: the kernel raises the device first, and the address is there already.
void set_gen_mode(Netlink& nl, const Link& link, std::uint8_t mode) {
  Message m = change(link);
  nlattr* families = m.nest(IFLA_AF_SPEC);
  nlattr* six = m.nest(AF_INET6);
  m.put8(IFLA_INET6_ADDR_GEN_MODE, mode);
  m.end(six);
  m.end(families);
  nl.request(m, fmt::format("set the IPv6 address mode of {}", link.name));
}

void set_setting4(Netlink& nl, const Link& link, int number, int value) {
  Message m(RTM_SETLINK);
  m.fixed<ifinfomsg>().ifi_index = link.index;
  nlattr* families = m.nest(IFLA_AF_SPEC);
  nlattr* four = m.nest(AF_INET);
  nlattr* values = m.nest(IFLA_INET_CONF);
  m.put32(static_cast<std::uint16_t>(number), static_cast<std::uint32_t>(value));
  m.end(values);
  m.end(four);
  m.end(families);
  nl.request(m, fmt::format("set the IPv4 setting {} of {} to {}", number, link.name, value));
}

Answer remove(Netlink& nl, const Link& link) {
  Message m(RTM_DELLINK);
  m.fixed<ifinfomsg>().ifi_index = link.index;
  return nl.try_request(m);
}

void add_veth(Netlink& nl, const std::string& name, const std::string& other, int netns) {
  Message m(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  m.fixed<ifinfomsg>();
  m.put(IFLA_IFNAME, std::string_view(name));
  nlattr* info = m.nest(IFLA_LINKINFO);
  m.put(IFLA_INFO_KIND, std::string_view("veth"));
  nlattr* data = m.nest(IFLA_INFO_DATA);
  nlattr* peer = m.nest(VETH_INFO_PEER);
  m.fixed<ifinfomsg>();
  m.put(IFLA_IFNAME, std::string_view(other));
  if (netns >= 0) m.put32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(netns));
  m.end(peer);
  m.end(data);
  m.end(info);
  nl.request(m, fmt::format("make the pair {} and {}", name, other));
}

}  // namespace vpnd::nl
