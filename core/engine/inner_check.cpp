// SPDX-License-Identifier: ISC
#include "core/engine/inner_check.h"

#include <algorithm>

namespace vpnd::engine {

bool is_multicast(const Address& a) noexcept {
  const Bytes b = a.bytes();
  return a.is_v4() ? b[0] >= 224 : b[0] == 0xff;  // 240/4 is reserved and routed by nobody
}

bool is_loopback(const Address& a) noexcept {
  const Bytes b = a.bytes();
  if (a.is_v4()) return b[0] == 127;
  return b[15] == 1 && std::all_of(b.begin(), b.end() - 1, [](auto x) { return x == 0; });
}

bool is_link_local(const Address& a) noexcept {
  const Bytes b = a.bytes();
  return a.is_v4() ? b[0] == 169 && b[1] == 254 : b[0] == 0xfe && (b[1] & 0xc0) == 0x80;
}

bool is_mapped(const Address& a) noexcept {
  const Bytes b = a.bytes();
  if (a.is_v4() || !std::all_of(b.begin(), b.begin() + 10, [](auto x) { return x == 0; })) {
    return false;
  }
  return (b[10] == 0 && b[11] == 0) || (b[10] == 0xff && b[11] == 0xff);
}

namespace {

bool is_zero_net(const Address& a) noexcept {
  return a.is_v4() && a.bytes()[0] == 0;
}

}  // namespace

Drop check_from_client(const wire::IpInfo& ip, const InnerAddresses& client,
                       const ServerRule& rule) noexcept {
  if (!client.holds(ip.source)) return Drop::spoofed_source;
  const Address& to = ip.destination;
  if (is_loopback(to) || is_link_local(to) || is_multicast(to) || is_mapped(to) ||
      is_zero_net(to)) {
    return Drop::bad_destination;
  }
  if (to == rule.server_v4 || (rule.pool_v6 && to == rule.server_v6)) return Drop::none;
  if (client.holds(to)) return Drop::bad_destination;  // it would come straight back
  if (!rule.isolate) return Drop::none;
  const bool neighbour =
      rule.pool_v4.contains(to) || (rule.pool_v6.has_value() && rule.pool_v6->contains(to));
  return neighbour ? Drop::bad_destination : Drop::none;
}

Drop check_from_server(const wire::IpInfo& ip, const InnerAddresses& own) noexcept {
  if (!own.holds(ip.destination)) return Drop::bad_destination;
  const Address& from = ip.source;
  const bool v6_link_local = !from.is_v4() && is_link_local(from);  // IPv4 routers do answer so
  if (own.holds(from) || is_loopback(from) || is_multicast(from) || is_mapped(from) ||
      is_zero_net(from) || v6_link_local) {
    return Drop::spoofed_source;
  }
  return Drop::none;
}

}  // namespace vpnd::engine
