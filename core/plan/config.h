// SPDX-License-Identifier: ISC
#pragma once

// What the user asked for, from positional arguments or from a TOML file. Only keys that do
// something exist; any other is an error with line, column and the nearest known key.

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/addr.h"
#include "core/base/log.h"

namespace vpnd::plan {

enum class Lan : std::uint8_t { none, private_only, routes, list };

struct Common {
  std::string name;       // of the tunnel: the file's stem, or the interface
  std::string key;        // path of the key file
  std::string interface;  // empty: the lowest free vpnN
  Mtu mtu = 1420;
  Fwmark fwmark = kDefaultFwmark;
  Table table = kDefaultTable;
  Level log_level = Level::info;
};

struct ClientConfig : Common {
  std::string host;  // name or address
  std::uint16_t port = 443;
  std::optional<Address> local_v4;   // a request; a lease that differs is an error
  std::optional<Address> remote_v4;  // the server's inner address; likewise
  std::optional<Address> gateway;
  bool full = true;                  // false: only `include`
  std::vector<Prefix> include, exclude;
  Lan lan = Lan::private_only;
  std::vector<Prefix> lan_prefixes;
  std::chrono::seconds timeout{30};  // until the first session; zero: never give up
};

struct ServerConfig : Common {
  std::vector<Endpoint> listen;  // empty: every address, v6 and v4, port 443
  std::uint16_t port = 443;      // of the default
  std::string bind_host;         // positional ADDR: an address or a name
  Address address_v4 = Address::v4(192, 168, 192, 254);  // our own, inner
  Prefix pool_v4{Address::v4(192, 168, 192, 0), 24};
  std::optional<Address> first_lease = Address::v4(192, 168, 192, 1);
  // "auto": a ULA /64 derived from the key by the engine's identity; off: no inner IPv6
  enum class V6 : std::uint8_t { derived, off, given } v6 = V6::derived;
  std::optional<Prefix> pool_v6;  // given, or filled in once derived
  std::optional<Address> address_v6;
  std::uint32_t max_clients = 0;
  bool isolate = true;
  bool nat = true;
  std::optional<Address> external;  // EXT-IP
  std::vector<Prefix> server_lan;
};

using Config = std::variant<ClientConfig, ServerConfig>;

// Positional forms, exactly DSVPN's order; "auto" or leaving out the trailing ones means the
// default. `args` starts after the sub-command. Throws Error (Exit::usage).
//   server KEY [ADDR|auto] [PORT] [TUN] [LOCAL-IP] [REMOTE-IP] [EXT-IP]
//   client KEY HOST        [PORT] [TUN] [LOCAL-IP] [REMOTE-IP] [GATEWAY]
ServerConfig server_from_arguments(std::span<const std::string> args);
ClientConfig client_from_arguments(std::span<const std::string> args);

// `name` is the path as the user wrote it, for messages ("home.toml:2:2: unknown key ..."). Throws
// Error (Exit::config).
Config config_from_toml(std::string_view text, const std::string& name);

// Every key with its value, as TOML that reads back to the same configuration.
std::string effective(const Config&);

// All keys that exist ("routing.lan"), for the manual's test.
std::vector<std::string> config_keys();

}  // namespace vpnd::plan
