// SPDX-License-Identifier: ISC
#pragma once

// A client and a server of these systems, and what is around their tunnels.

#include <memory>
#include <string>

#include "core/host.h"
#include "tests/unit/bsd/fake_system.h"

namespace vpnd::test {

inline const host::Places kPlaces{"/var/db/vpnd", "/var/run/vpnd"};

inline Address address(const char* text) {
  return Address::parse(text).value();
}
inline Prefix prefix(const char* text) {
  return Prefix::parse(text).value();
}

inline std::string device_of(const bsd::Traits& t, int number = 0) {
  return std::string(t.device) + std::to_string(number);
}

inline wire::Lease lease(bool v6 = true) {
  wire::Lease l;
  l.seconds = 86400;
  l.mtu = 1420;
  l.client_v4 = prefix("192.168.192.1/24");
  l.server_v4 = address("192.168.192.254");
  l.dns_v4 = l.server_v4;
  if (!v6) return l;
  l.client_v6 = prefix("fd76:706e::2/64");
  l.server_v6 = address("fd76:706e::1");
  return l;
}

inline plan::ClientConfig client_config(const std::string& interface) {
  plan::ClientConfig c;
  c.name = c.interface = interface;
  c.host = "203.0.113.5";
  return c;
}

inline plan::Plan client_plan(const plan::ClientConfig& c, const wire::Lease& l,
                              const char* server = "203.0.113.5") {
  return plan::plan_client(c, {{address(server), 443}}, &l, plan::Posture::up);
}

inline plan::ServerConfig server_config(const std::string& interface) {
  plan::ServerConfig c;
  c.name = c.interface = interface;
  c.pool_v6 = prefix("fd76:706e::/64");
  c.address_v6 = address("fd76:706e::1");
  c.v6 = plan::ServerConfig::V6::given;
  return c;
}

// A keeper's view of the machine, from its claim of the name to its end.
struct Run {
  explicit Run(const std::string& wanted = {}) : machine(kPlaces), name(machine.claim(wanted)) {
    swept = machine.sweep(name, false);
    tunnel.emplace(name);
  }
  // As a keeper does it: changes first, then the device.
  ~Run() {
    applied.revert();
    tunnel.reset();
  }
  void apply(const plan::Plan& plan) {
    applied = machine.apply(plan);
    current = plan;
  }
  void go_over(const plan::Plan& next) {
    machine.replace(applied, current, next);
    current = next;
  }

  host::Machine machine;
  std::string name;
  std::vector<std::string> swept;
  std::optional<host::Tunnel> tunnel;
  plan::Applied applied;
  plan::Plan current;
};

}  // namespace vpnd::test
