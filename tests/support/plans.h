// SPDX-License-Identifier: ISC
#pragma once

// Configurations, leases and hosts that several tests start from.

#include "core/plan/plan.h"

namespace vpnd::test {

inline Address address(const char* text) {
  return Address::parse(text).value();
}
inline Prefix prefix(const char* text) {
  return Prefix::parse(text).value();
}

inline plan::ClientConfig client_config() {
  plan::ClientConfig c;
  c.name = "home";
  c.key = "vpn.key";
  c.interface = "vpn0";
  c.host = "203.0.113.7";
  return c;
}

inline std::vector<Endpoint> server_endpoints() {
  return {Endpoint::parse("203.0.113.7:443").value(), Endpoint::parse("[2001:db8::7]:443").value()};
}

inline wire::Lease lease(bool v6) {
  wire::Lease l;
  l.mtu = 1420;
  l.client_v4 = prefix("192.168.192.1/24");
  l.server_v4 = address("192.168.192.254");
  if (v6) {
    l.client_v6 = prefix("fd76:706e::1/64");
    l.server_v6 = address("fd76:706e::ffff");
  }
  return l;
}

inline plan::Plan client_plan(const plan::ClientConfig& config, bool v6 = true) {
  const wire::Lease l = lease(v6);
  return plan::plan_client(config, server_endpoints(), &l, plan::Posture::up);
}

inline plan::ServerConfig server_config(bool v6 = true) {
  plan::ServerConfig c;
  c.name = "gate";
  c.interface = "vpn0";
  if (v6) {
    c.pool_v6 = prefix("fd76:706e::/64");
    c.address_v6 = address("fd76:706e::1");
  }
  return c;
}

}  // namespace vpnd::test
