// SPDX-License-Identifier: ISC
#pragma once

// What the tests of the keeper share: a server, a lease of its, and a look at what the keeper
// wants.

#include "core/plan/keeper.h"

namespace vpnd::fake {

inline const std::vector<Endpoint> kServer{{Address::v4(203, 0, 113, 7), 443}};

inline plan::ClientConfig client_config() {
  plan::ClientConfig c;
  c.name = c.interface = "vpn0";
  c.host = "203.0.113.7";
  return c;
}

inline plan::ServerConfig server_config() {
  plan::ServerConfig c;
  c.name = c.interface = "vpn0";
  return c;
}

inline wire::Lease lease_v4() {
  wire::Lease l;
  l.seconds = 86400;
  l.mtu = 1420;
  l.keepalive = 10;
  l.client_v4 = {Address::v4(192, 168, 192, 1), 24};
  l.server_v4 = Address::v4(192, 168, 192, 254);
  return l;
}

template<class A>
const A* only(const plan::Actions& actions) {
  return actions.size() == 1 ? std::get_if<A>(&actions.front()) : nullptr;
}
inline bool kills(const plan::Actions& a) {
  return only<plan::action::KillEngine>(a) != nullptr;
}

}  // namespace vpnd::fake
