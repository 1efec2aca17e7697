// SPDX-License-Identifier: ISC
#pragma once

// From what the user configured, the key file says and the keeper knows to what an engine is told
// at its start.

#include <vector>

#include "core/engine/settings.h"
#include "core/plan/config.h"
#include "core/wire/keys.h"

namespace vpnd::plan {

// What the keeper gives to a client's engine.
struct ClientStart {
  std::vector<Endpoint> endpoints;
  wire::InstanceId instance{};
  wire::CookieBytes cookie{};
  bool was_up = false;
  bool has_v6 = true;       // addresses of IPv6 are worth looking up
  std::uint16_t kinds = 1;  // that the device takes
};
// Throws Error: the key is not one of a client.
engine::ClientSettings client_settings(const ClientConfig&, const ClientStart&, wire::KeyFile&&);

// And to a server's.
struct ServerStart {
  std::vector<wire::PeerEntry> peers;  // of a key with a client list
  crypto::Key lease_secret;
  std::uint16_t kinds = 1;
};
// Throws Error: the key is not one of a server.
engine::ServerSettings server_settings(const ServerConfig&, ServerStart&&, wire::KeyFile&&);

}  // namespace vpnd::plan
