// SPDX-License-Identifier: ISC
#pragma once

// Which inner addresses a packet from the peer may carry. Both sides check every packet before
// their TUN sees it, whatever the packet filter does.

#include <optional>

#include "core/base/addr.h"
#include "core/base/drop.h"
#include "core/wire/ip.h"

namespace vpnd::engine {

// The addresses that one client holds.
struct InnerAddresses {
  Address v4;
  std::optional<Address> v6;
  bool holds(const Address& a) const noexcept { return a == v4 || (v6 && a == *v6); }
};

// Server, from a client: the source is one of the client's own. The destination is not special
// (loopback, link-local, multicast, broadcast, IPv4-mapped) and, with `isolate`, within our pools
// only ourselves.
struct ServerRule {
  Address server_v4, server_v6;
  Prefix pool_v4;
  std::optional<Prefix> pool_v6;
  bool isolate = true;
};
Drop check_from_client(const wire::IpInfo&, const InnerAddresses& client,
                       const ServerRule&) noexcept;

// Client, from the server: the destination is our own inner address, and the source neither that
// nor special.
Drop check_from_server(const wire::IpInfo&, const InnerAddresses& own) noexcept;

bool is_multicast(const Address&) noexcept;  // and 255.255.255.255
bool is_loopback(const Address&) noexcept;
bool is_link_local(const Address&) noexcept;
bool is_mapped(const Address&) noexcept;  // ::ffff:0:0/96 and ::/96

}  // namespace vpnd::engine
