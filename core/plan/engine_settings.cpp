// SPDX-License-Identifier: ISC
#include "core/plan/engine_settings.h"

#include "core/plan/resolv_conf.h"

namespace vpnd::plan {

engine::ClientSettings client_settings(const ClientConfig& config, const ClientStart& start,
                                       wire::KeyFile&& key) {
  engine::ClientSettings s;
  s.identity = wire::client_identity(std::move(key), config.key);
  s.instance = start.instance;
  s.cookie = start.cookie;
  s.endpoints = start.endpoints;
  if (const auto name = looked_up_name(config.host)) {
    s.look_up = engine::LookUp{*name, start.has_v6, config.port};
  }
  s.requested_v4 = config.local_v4;
  s.expected_server_v4 = config.remote_v4;
  s.kinds = start.kinds;
  s.timeout = config.timeout;
  s.was_up = start.was_up;
  return s;
}

engine::ServerSettings server_settings(const ServerConfig& config, ServerStart&& start,
                                       wire::KeyFile&& key) {
  engine::ServerSettings s;
  s.identity = wire::server_identity(std::move(key), std::move(start.peers), config.key);
  s.lease_secret = std::move(start.lease_secret);
  s.server_v4 = config.address_v4;
  s.pool_v4 = config.pool_v4;
  s.first_lease = config.first_lease;
  if (config.pool_v6 && config.address_v6) {
    s.pool_v6 = config.pool_v6;
    s.server_v6 = *config.address_v6;
  }
  s.dns_v4 = announced_resolver(config, Family::v4).value_or(Address{});
  if (s.pool_v6) s.dns_v6 = announced_resolver(config, Family::v6).value_or(Address{});
  s.mtu = config.mtu;
  s.max_clients = config.max_clients;
  s.isolate = config.isolate;
  s.kinds = start.kinds;
  return s;
}

}  // namespace vpnd::plan
