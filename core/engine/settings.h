// SPDX-License-Identifier: ISC
#pragma once

// What an engine is told at its start. All of it comes from the configuration and from the keeper.

#include <chrono>
#include <optional>
#include <vector>

#include "core/base/addr.h"
#include "core/engine/inner_check.h"
#include "core/wire/channel.h"
#include "core/wire/hello.h"
#include "core/wire/keys.h"
#include "core/wire/look_up.h"
#include "core/wire/offload.h"

namespace vpnd::engine {

// How the server is found when its name leads elsewhere than it did.
struct LookUp {
  wire::DnsName name;
  bool v6 = true;  // this host has IPv6
  std::uint16_t port = 443;
};

struct ClientSettings {
  wire::ClientIdentity identity;
  wire::InstanceId instance{};
  wire::CookieBytes cookie{};           // of an earlier session, or zero
  std::vector<Endpoint> endpoints;      // tried in turn; may be empty with a name to look up
  std::optional<LookUp> look_up;        // none: the endpoints are all there is
  std::optional<Address> requested_v4;  // a lease that differs from it is an error naming both
  std::optional<Address> expected_server_v4;  // REMOTE-IP given: likewise
  bool want_v6 = true;
  std::uint16_t kinds = wire::kKindPlain;       // what our TUN takes
  Duration timeout = std::chrono::seconds(30);  // until the first session; zero: for ever
  bool was_up = false;  // an engine before this one had been up: the timeout no longer counts
};

struct ServerSettings {
  wire::ServerIdentity identity;
  crypto::Key lease_secret;
  Address server_v4;
  Prefix pool_v4;                      // the server's own address lies in it and is not leased
  std::optional<Address> first_lease;  // given out first
  std::optional<Prefix> pool_v6;       // /64; a client gets the suffix of its v4 lease's number
  Address server_v6;
  Address dns_v4, dns_v6;  // unspecified: none
  std::uint16_t mtu = 1420;
  std::uint16_t keepalive = 10;         // seconds
  std::uint32_t lease_seconds = 86400;  // kept after disconnect
  std::uint32_t max_clients = 0;        // 0: as many as the pool holds
  bool isolate = true;                  // clients do not reach each other
  std::uint16_t kinds = wire::kKindPlain;
  std::uint16_t ciphers = 0xffff;  // masked with what the build offers
};

// What of it a running server takes over: sessions stay, and who comes later gets the rest.
struct ServerChanges {
  std::uint32_t max_clients = 0;
  bool isolate = true;
  std::uint16_t mtu = 1420;
  Address dns_v4, dns_v6;
};

// What every worker of a server knows of the sessions that it takes.
struct SessionSettings {
  ServerRule rule;
  std::uint16_t kinds = wire::kKindPlain;
};
SessionSettings session_settings(const ServerSettings&);

// The room of one worker. Smaller in tests.
struct Room {
  std::size_t slots = 768;  // of the pool: 50 MB of address space at most; > HandOver::kMostLent
  std::size_t queue_bytes = 2 * 1024 * 1024;  // plaintext waiting for one connection
  // Sealed and handed out by one gather(). What is sealed leaves in order, and what comes meanwhile
  // waits for all of it: more than this buys no throughput.
  std::size_t batch_bytes = 64 * 1024;
  std::size_t copy_below = 2048;  // smaller packets share a record
  // Of those that have not authenticated. One address has few of them, but enough that a hundred
  // clients behind it, far away and each trying again after half a second, are in within seconds.
  std::size_t half_open = 1024, half_open_per_source = 32;
  wire::ChannelLimits limits;  // of the keys
};

}  // namespace vpnd::engine
