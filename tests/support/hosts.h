// SPDX-License-Identifier: ISC
#pragma once

// Hosts as lowering sees them.

#include "linux/objects.h"
#include "tests/support/plans.h"

namespace vpnd::test {

// A laptop: wireless with a private network, a container bridge, an IPv6 network, a public prefix.
inline nl::HostFacts laptop() {
  nl::HostFacts f;
  f.links = {
      {1, "lo", 0, 0, {prefix("127.0.0.1/8"), prefix("::1/128")}, {}},
      {2,
       "wlan0",
       0,
       0,
       {prefix("192.168.1.20/24"), prefix("fe80::2/64"), prefix("2001:db8:1::2/64")},
       {prefix("192.168.1.0/24"), prefix("fe80::/64"), prefix("2001:db8:1::/64")}},
      {3, "br0", 0, 0, {prefix("172.17.0.1/16")}, {prefix("172.17.0.0/16")}},
      {9, "vpn0", 0, 0, {prefix("192.168.192.1/32")}, {prefix("10.99.0.0/24")}},
  };
  f.uplinks_v4 = f.uplinks_v6 = {"wlan0"};
  f.gateway_v4 = address("192.168.1.1");
  return f;
}

// A server with a public and a private side.
inline nl::HostFacts gate() {
  nl::HostFacts f;
  f.links = {
      {1, "lo", 0, 0, {prefix("127.0.0.1/8"), prefix("::1/128")}, {}},
      {2,
       "eth0",
       0,
       0,
       {prefix("203.0.113.7/24"), prefix("2001:db8::7/64"), prefix("fe80::7/64")},
       {prefix("203.0.113.0/24"), prefix("2001:db8::/64"), prefix("fe80::/64")}},
      {3, "eth1", 0, 0, {prefix("10.0.0.2/24")}, {prefix("10.0.0.0/24")}},
      {4, "eth2", 0, 0, {prefix("169.254.7.7/16")}, {prefix("169.254.0.0/16")}},
      {5, "eth3", 0, 0, {prefix("fe80::9/64")}, {prefix("fe80::/64")}},
  };
  f.uplinks_v4 = f.uplinks_v6 = {"eth0"};
  f.has_force_forwarding = true;
  return f;
}

}  // namespace vpnd::test
