// SPDX-License-Identifier: ISC
#include "core/plan/plan.h"

#include <fmt/format.h>

#include <algorithm>

namespace vpnd::plan {
namespace {

const Prefix kAllV4{Address::v4(0, 0, 0, 0), 0};
const Prefix kAllV6{Address::v6(ByteArray<16>{}), 0};

std::vector<Prefix> client_addresses(const wire::Lease& lease) {
  std::vector<Prefix> out{Prefix::host(lease.client_v4.address)};
  if (lease.has_v6()) out.push_back(Prefix::host(lease.client_v6.address));
  return out;
}

std::vector<Prefix> inner_networks(const wire::Lease& lease) {
  std::vector<Prefix> out{lease.client_v4.masked(), Prefix::host(lease.server_v4)};
  if (lease.has_v6()) {
    out.push_back(lease.client_v6.masked());
    out.push_back(Prefix::host(lease.server_v6));
  }
  return out;
}

// Even who wants no routes wants to reach the other end of the tunnel.
std::vector<Prefix> captured(const ClientConfig& config, const wire::Lease& lease) {
  if (config.full) return {kAllV4, kAllV6};
  std::vector<Prefix> out{Prefix::host(lease.server_v4)};
  if (lease.has_v6()) out.push_back(Prefix::host(lease.server_v6));
  for (const Prefix& p : config.include) {
    if (std::find(out.begin(), out.end(), p) == out.end()) out.push_back(p);
  }
  return out;
}

std::vector<Address> bare(const std::vector<Prefix>& prefixes) {
  std::vector<Address> out;
  for (const Prefix& p : prefixes) out.push_back(p.address);
  return out;
}

Capture capture(const ClientConfig& config, const std::vector<Endpoint>& endpoints,
                const wire::Lease& lease) {
  Capture out;
  out.interface = config.interface;
  out.own_traffic = config.fwmark;
  out.table = config.table;
  out.into_tunnel = captured(config, lease);
  out.inner = inner_networks(lease);
  out.past_tunnel = config.exclude;
  out.lan = config.lan;
  out.lan_prefixes = config.lan_prefixes;
  const bool any_v6 = std::any_of(out.into_tunnel.begin(), out.into_tunnel.end(),
                                  [](const Prefix& p) { return !p.address.is_v4(); });
  out.refuse_v6 = any_v6 && !lease.has_v6();
  out.endpoints = endpoints;
  out.gateway = config.gateway;
  return out;
}

}  // namespace

Plan plan_client(const ClientConfig& config, const std::vector<Endpoint>& endpoints,
                 const wire::Lease* lease) {
  const std::string& name = config.interface.empty() ? config.name : config.interface;
  if (lease == nullptr) return {fmt::format("client {}: no session yet", name), {}};
  Plan out{fmt::format("client {}: up", name), {}};
  const auto addresses = client_addresses(*lease);
  const Mtu mtu = std::min(config.mtu, lease->mtu);
  out.steps.emplace_back(Shield{config.interface, bare(addresses)});
  out.steps.emplace_back(ClampMss{config.interface});
  out.steps.emplace_back(Interface{config.interface, mtu, addresses});
  out.steps.emplace_back(capture(config, endpoints, *lease));
  return out;
}

Plan plan_server(const ServerConfig& config) {
  const std::string& name = config.interface.empty() ? config.name : config.interface;
  Plan out{fmt::format("server {}: serving", name), {}};
  std::vector<Prefix> addresses{{config.address_v4, config.pool_v4.length}};
  const bool v6 = config.v6 != ServerConfig::V6::off && config.pool_v6 && config.address_v6;
  if (v6) addresses.push_back({*config.address_v6, config.pool_v6->length});
  Forward forward;
  forward.interface = config.interface;
  forward.pool_v4 = config.pool_v4;
  if (v6) forward.pool_v6 = config.pool_v6;
  forward.masquerade = config.nat;
  forward.external = config.external;
  forward.isolate = config.isolate;
  forward.server_lan = config.server_lan;
  forward.listen = config.listen;
  out.steps.emplace_back(Shield{config.interface, bare(addresses)});
  out.steps.emplace_back(ClampMss{config.interface});
  out.steps.emplace_back(std::move(forward));
  out.steps.emplace_back(Interface{config.interface, config.mtu, addresses});
  return out;
}

}  // namespace vpnd::plan
