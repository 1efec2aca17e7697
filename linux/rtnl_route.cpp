// SPDX-License-Identifier: ISC
#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>

#include "core/base/error.h"
#include "linux/rtnl.h"

namespace vpnd::nl {
namespace {

constexpr std::uint32_t kMetric6 = 1024;  // IP6_RT_PRIO_USER

std::uint8_t family_number(Family f) noexcept {
  return f == Family::v4 ? AF_INET : AF_INET6;
}

Address address_from(Bytes b) noexcept {
  if (b.size() == 4) return Address::v4(b);
  if (b.size() == 16) return Address::v6(b);
  return {};
}

Address unspecified(std::uint8_t family) noexcept {
  static constexpr std::array<std::uint8_t, 16> kZero{};
  return family == AF_INET ? Address{} : Address::v6(Bytes(kZero));
}

std::uint8_t kernel_type(Route::Type t) noexcept {
  switch (t) {
    case Route::Type::unicast:
      return RTN_UNICAST;
    case Route::Type::thrown:
      return RTN_THROW;
    case Route::Type::blackhole:
      return RTN_BLACKHOLE;
    case Route::Type::unreachable:
      return RTN_UNREACHABLE;
  }
  return RTN_UNSPEC;
}

std::optional<Route::Type> type_from(std::uint8_t kernel) noexcept {
  for (const auto t : {Route::Type::unicast, Route::Type::thrown, Route::Type::blackhole,
                       Route::Type::unreachable}) {
    if (kernel_type(t) == kernel) return t;
  }
  return std::nullopt;
}

Message route_message(std::uint16_t type, std::uint16_t flags, const Route& r, int index) {
  Message m(type, flags);
  auto& fixed = m.fixed<rtmsg>();
  const Prefix to = r.to.masked();
  fixed.rtm_family = family_number(to.address.family());
  fixed.rtm_dst_len = to.length;
  fixed.rtm_table = RT_TABLE_UNSPEC;
  fixed.rtm_protocol = kRouteProtocol;
  fixed.rtm_type = kernel_type(r.type);
  // Global also without a gateway: behind a default of scope link the kernel would accept the
  // gateways of other routes as neighbours on our device.
  fixed.rtm_scope = RT_SCOPE_UNIVERSE;
  if (to.length > 0) m.put(RTA_DST, to.address.bytes());
  m.put32(RTA_TABLE, static_cast<std::uint32_t>(r.table));
  if (index != 0) m.put32(RTA_OIF, static_cast<std::uint32_t>(index));
  if (r.gateway) m.put(RTA_GATEWAY, r.gateway->bytes());
  if (r.metric != 0) m.put32(RTA_PRIORITY, r.metric);
  return m;
}

Message address_message(std::uint16_t type, std::uint16_t flags, const AddressOn& a, int index) {
  Message m(type, flags);
  auto& fixed = m.fixed<ifaddrmsg>();
  fixed.ifa_family = family_number(a.prefix.address.family());
  fixed.ifa_prefixlen = a.prefix.length;
  // Nobody else is on our device, so looking for a duplicate would only delay the address.
  if (!a.prefix.address.is_v4()) fixed.ifa_flags = IFA_F_NODAD;
  fixed.ifa_index = static_cast<std::uint32_t>(index);
  m.put(IFA_LOCAL, a.prefix.address.bytes());
  m.put(IFA_ADDRESS, a.prefix.address.bytes());
  return m;
}

std::string name_of(Netlink& nl, std::uint32_t index) {
  const auto link = find_link(nl, static_cast<int>(index));
  return link ? link->name : std::string();
}

struct RawRoute {
  Dumped<Route> route;
  std::uint32_t index = 0;
};

void first_hop(Bytes hops, RawRoute& raw) noexcept {
  if (hops.size() < sizeof(rtnexthop)) return;
  const auto* hop = reinterpret_cast<const rtnexthop*>(hops.data());
  raw.index = static_cast<std::uint32_t>(hop->rtnh_ifindex);
}

std::optional<RawRoute> parse_route(const nlmsghdr* h) {
  if (h->nlmsg_type != RTM_NEWROUTE) return std::nullopt;
  const auto* fixed = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(h));
  const auto type = type_from(fixed->rtm_type);
  if (!type || (fixed->rtm_flags & RTM_F_CLONED) != 0) return std::nullopt;
  const Attributes at(h, sizeof *fixed);
  RawRoute raw;
  Route& r = raw.route.object;
  r.type = *type;
  r.to.address = at.has(RTA_DST) ? address_from(at.bytes(RTA_DST)) : unspecified(fixed->rtm_family);
  r.to.length = fixed->rtm_dst_len;
  r.table = Table{at.u32(RTA_TABLE, fixed->rtm_table)};
  r.metric = at.u32(RTA_PRIORITY);
  if (at.has(RTA_GATEWAY)) r.gateway = address_from(at.bytes(RTA_GATEWAY));
  raw.index = at.u32(RTA_OIF);
  if (at.has(RTA_MULTIPATH)) first_hop(at.bytes(RTA_MULTIPATH), raw);
  raw.route.protocol = fixed->rtm_protocol;
  raw.route.scope = fixed->rtm_scope;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(h);
  raw.route.message.assign(bytes, bytes + h->nlmsg_len);
  return raw;
}

}  // namespace

void add(Netlink& nl, const AddressOn& a, int index) {
  Message m = address_message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, a, index);
  nl.request(m, fmt::format("add {}", text(a)));
}

Answer remove(Netlink& nl, const AddressOn& a, int index) {
  Message m = address_message(RTM_DELADDR, 0, a, index);
  return nl.try_request(m);
}

std::vector<Numbered> addresses(Netlink& nl) {
  Message m(RTM_GETADDR);
  m.fixed<ifaddrmsg>();
  return nl.dump<Numbered>(
      m, "list the addresses", [](const nlmsghdr* h) -> std::optional<Numbered> {
        if (h->nlmsg_type != RTM_NEWADDR) return std::nullopt;
        const auto* fixed = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(h));
        const Attributes at(h, sizeof *fixed);
        const Bytes own = at.has(IFA_LOCAL) ? at.bytes(IFA_LOCAL) : at.bytes(IFA_ADDRESS);
        const Prefix prefix{address_from(own), fixed->ifa_prefixlen};
        return Numbered{static_cast<int>(fixed->ifa_index), prefix};
      });
}

std::vector<Prefix> addresses_of(Netlink& nl, int index) {
  std::vector<Prefix> own;
  for (const Numbered& a : addresses(nl)) {
    if (a.index == index) own.push_back(a.prefix);
  }
  return own;
}

Answer try_add(Netlink& nl, const Route& r, int index) {
  Message m = route_message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, r, index);
  return nl.try_request(m);
}

Answer put_in_place(Netlink& nl, const Route& r, int index) {
  Message m = route_message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, r, index);
  return nl.try_request(m);
}

Answer remove(Netlink& nl, const Route& r, int index) {
  Message m = route_message(RTM_DELROUTE, 0, r, index);
  return nl.try_request(m);
}

// The tables that the kernel has not made yet are empty ones.
static std::vector<RawRoute> dump_routes(
    Netlink& nl, Message& m, const std::function<std::optional<RawRoute>(const nlmsghdr*)>& parse) {
  try {
    return nl.dump<RawRoute>(m, "list the routes", parse);
  } catch (const Error& e) {
    if (e.errnum() != ENOENT) throw;
    return {};
  }
}

std::vector<Dumped<Route>> routes(Netlink& nl, Family family, std::optional<Table> table,
                                  std::uint8_t protocol,
                                  const std::function<bool(const Dumped<Route>&)>& wanted) {
  Message m(RTM_GETROUTE);
  auto& fixed = m.fixed<rtmsg>();
  fixed.rtm_family = family_number(family);
  fixed.rtm_protocol = protocol;
  if (table) m.put32(RTA_TABLE, static_cast<std::uint32_t>(*table));
  auto raw = dump_routes(nl, m, [&](const nlmsghdr* h) -> std::optional<RawRoute> {
    auto r = parse_route(h);
    // Again here, because older kernels do not filter.
    if (!r || (table && r->route.object.table != *table)) return std::nullopt;
    if (protocol != 0 && r->route.protocol != protocol) return std::nullopt;
    if (wanted && !wanted(r->route)) return std::nullopt;
    return r;
  });
  std::vector<Dumped<Route>> all;
  all.reserve(raw.size());
  std::uint32_t last = 0;
  std::string name;
  for (RawRoute& r : raw) {
    if (r.index != last) name = name_of(nl, r.index);
    last = r.index;
    if (r.route.object.type == Route::Type::unicast) r.route.object.interface = name;
    all.push_back(std::move(r.route));
  }
  return all;
}

bool same(const Route& a, const Route& b) noexcept {
  const auto metric = [](const Route& r) {
    return r.metric == 0 && !r.to.address.is_v4() ? kMetric6 : r.metric;
  };
  return a.type == b.type && a.to.masked() == b.to.masked() && a.table == b.table &&
         a.interface == b.interface && a.gateway == b.gateway && metric(a) == metric(b);
}

std::string text(const AddressOn& a) {
  return fmt::format("address {} dev {}", a.prefix.text(), a.interface);
}

std::string text(const Route& r) {
  std::string line = "route ";
  switch (r.type) {
    case Route::Type::unicast:
      break;
    case Route::Type::thrown:
      line += "throw ";
      break;
    case Route::Type::blackhole:
      line += "blackhole ";
      break;
    case Route::Type::unreachable:
      line += "unreachable ";
      break;
  }
  line += r.to.masked().text();
  if (r.gateway) line += fmt::format(" via {}", r.gateway->text());
  if (!r.interface.empty()) line += fmt::format(" dev {}", r.interface);
  line += fmt::format(" table {}", static_cast<std::uint32_t>(r.table));
  const std::uint32_t metric = r.metric == 0 && !r.to.address.is_v4() ? kMetric6 : r.metric;
  if (metric != 0) line += fmt::format(" metric {}", metric);
  return line;
}

}  // namespace vpnd::nl
