// SPDX-License-Identifier: ISC
#include "core/plan/plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/plan/resolv_conf.h"

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

bool among(const std::vector<Prefix>& prefixes, const Prefix& p) {
  return std::find(prefixes.begin(), prefixes.end(), p) != prefixes.end();
}

// The configuration's resolvers, or else the lease's; these only where every network is captured,
// since names of the others are none of the server's business. Who is excluded by its own address
// is not asked, nor is one of IPv6 where the tunnel has none.
std::vector<Address> resolvers(const ClientConfig& config, const wire::Lease& lease) {
  if (config.dns.mode == DnsMode::off) return {};
  std::vector<Address> named = config.dns.servers;
  if (named.empty() && config.full) named = {lease.dns_v4, lease.dns_v6};
  std::vector<Address> out;
  for (const Address& a : named) {
    const bool reached = (a.is_v4() || lease.has_v6()) && !among(config.exclude, Prefix::host(a)) &&
                         !(config.lan == Lan::list && among(config.lan_prefixes, Prefix::host(a)));
    const bool known = std::find(out.begin(), out.end(), a) != out.end();
    if (!a.unspecified() && reached && !known) out.push_back(a);
  }
  return out;
}

// Even who wants no routes wants to reach the other end of the tunnel.
std::vector<Prefix> captured(const ClientConfig& config, const wire::Lease& lease) {
  if (config.full) return {kAllV4, kAllV6};
  std::vector<Prefix> out{Prefix::host(lease.server_v4)};
  if (lease.has_v6()) out.push_back(Prefix::host(lease.server_v6));
  for (const Prefix& p : config.include) {
    if (!among(out, p)) out.push_back(p);
  }
  return out;
}

std::vector<Address> bare(const std::vector<Prefix>& prefixes) {
  std::vector<Address> out;
  for (const Prefix& p : prefixes) out.push_back(p.address);
  return out;
}

Capture capture(const ClientConfig& config, const std::vector<Endpoint>& endpoints,
                const std::vector<Address>& asked, const wire::Lease& lease) {
  Capture out;
  out.interface = config.interface;
  out.own_traffic = config.fwmark;
  out.table = config.table;
  out.into_tunnel = captured(config, lease);
  // Otherwise a resolver in a private range would be looked for on the local network.
  for (const Address& a : resolvers(config, lease)) {
    const Prefix host = Prefix::host(a);
    if (!among(out.into_tunnel, host)) out.into_tunnel.push_back(host);
  }
  out.inner = inner_networks(lease);
  out.past_tunnel = config.exclude;
  out.lan = config.lan;
  out.lan_prefixes = config.lan_prefixes;
  const bool any_v6 = std::any_of(out.into_tunnel.begin(), out.into_tunnel.end(),
                                  [](const Prefix& p) { return !p.address.is_v4(); });
  out.refuse_v6 = any_v6 && !lease.has_v6();
  out.guard = config.kill_switch == KillSwitch::on || config.kill_switch == KillSwitch::always;
  out.endpoints = endpoints;
  out.asked = asked;
  out.gateway = config.gateway;
  out.keep_inbound = config.keep_inbound;
  return out;
}

// What the clients are told to ask must be open to them.
void relay(const ServerConfig& config, Forward& out) {
  out.resolvers = config.push_dns;
  const auto add = [&](const Address& own) {
    const auto upstream = relayed_to(config, own.family());
    if (!upstream) return;
    out.relayed.emplace_back(own, *upstream);
    out.resolvers.push_back(*upstream);
  };
  add(config.address_v4);
  if (out.pool_v6) add(*config.address_v6);
}

Wall wall(const ClientConfig& config, const std::vector<Endpoint>& endpoints,
          const std::vector<Address>& asked, const wire::Lease* lease, Posture posture) {
  Wall out;
  out.interface = config.interface;
  out.mode = config.kill_switch;
  out.own_traffic = config.fwmark;
  out.guarded = config.full ? std::vector{kAllV4, kAllV6} : config.include;
  out.guard_names = config.full && config.dns.mode != DnsMode::off;
  out.past_tunnel = config.exclude;
  out.lan = config.lan;
  out.lan_prefixes = config.lan_prefixes;
  out.stays = posture == Posture::stopped;
  out.keep_inbound = config.keep_inbound;
  if (posture == Posture::connecting || posture == Posture::up) out.endpoints = endpoints;
  out.asked = asked;
  if (lease == nullptr || posture == Posture::stopped) return out;
  out.addresses = bare(client_addresses(*lease));
  out.inner = inner_networks(*lease);
  if (out.guard_names) out.resolvers = resolvers(config, *lease);
  return out;
}

// With a list of prefixes and none in it there is nothing to guard.
bool walled(const ClientConfig& config) noexcept {
  return config.kill_switch != KillSwitch::off && (config.full || !config.include.empty());
}

const char* posture_name(Posture posture) noexcept {
  switch (posture) {
    case Posture::connecting:
      return "no session yet";
    case Posture::up:
      return "up";
    case Posture::blocked:
      return "blocked";
    case Posture::stopped:
      break;
  }
  return "stopped";
}

}  // namespace

Plan plan_client(const ClientConfig& config, const std::vector<Endpoint>& endpoints,
                 const wire::Lease* lease, Posture posture, const std::vector<Address>& asked) {
  const std::string& name = config.interface.empty() ? config.name : config.interface;
  // A stub on loopback is open to everybody.
  const bool wanted = posture == Posture::connecting || posture == Posture::up;
  const auto outside = wanted ? askable(asked) : std::vector<Address>{};
  Plan out{fmt::format("client {}: {}", name, posture_name(posture)), {}};
  if (walled(config)) out.steps.emplace_back(wall(config, endpoints, outside, lease, posture));
  if (lease == nullptr || posture == Posture::stopped) return out;
  const auto addresses = client_addresses(*lease);
  const Mtu mtu = std::min(config.mtu, lease->mtu);
  Shield shield{
      config.interface, bare(addresses), true, config.kill_switch == KillSwitch::session, {}};
  if (config.keep_inbound && !walled(config)) shield.keep_inbound = config.fwmark;
  out.steps.emplace_back(std::move(shield));
  out.steps.emplace_back(ClampMss{config.interface});
  out.steps.emplace_back(Interface{config.interface, mtu, addresses});
  out.steps.emplace_back(capture(config, endpoints, outside, *lease));
  auto servers = resolvers(config, *lease);
  if (!servers.empty()) {
    out.steps.emplace_back(
        Resolver{config.interface, config.dns.mode, std::move(servers), config.dns.domains});
  }
  return out;
}

wire::Lease usual_lease(const ClientConfig& config) {
  wire::Lease lease;
  lease.mtu = config.mtu;
  lease.client_v4 = {config.local_v4.value_or(Address::v4(192, 168, 192, 1)), 24};
  lease.server_v4 = config.remote_v4.value_or(Address::v4(192, 168, 192, 254));
  lease.dns_v4 = lease.server_v4;
  if (const auto v6 = Prefix::parse("fd76:706e:6400::1:0:1/64")) {
    lease.client_v6 = *v6;
    lease.server_v6 = Address::parse("fd76:706e:6400::1").value_or(v6->address);
  }
  return lease;
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
  forward.max_connections = config.max_connections;
  forward.server_lan = config.server_lan;
  forward.listen = config.listen;
  relay(config, forward);
  out.steps.emplace_back(Shield{config.interface, bare(addresses)});
  out.steps.emplace_back(ClampMss{config.interface});
  out.steps.emplace_back(std::move(forward));
  out.steps.emplace_back(Interface{config.interface, config.mtu, addresses});
  return out;
}

}  // namespace vpnd::plan
