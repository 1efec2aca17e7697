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

// What happens to traffic that would leave past the tunnel.
enum class KillSwitch : std::uint8_t {
  on,       // refused while we run, and after we were killed, until the next start or cleanup
  session,  // refused while we run
  always,   // refused after a clean stop as well
  off,
};

// How the host is told which resolver to ask. automatic: by systemd-resolved where it has the say,
// else by the resolver file.
enum class DnsMode : std::uint8_t { automatic, resolved, file, off };

// Of lines on the standard error. Text, where that leads to the journal: entries with fields.
enum class LogFormat : std::uint8_t { text, json };

struct Dns {
  DnsMode mode = DnsMode::automatic;
  std::vector<Address> servers;      // none: those of the lease
  std::vector<std::string> domains;  // in which short names are searched
  friend bool operator==(const Dns&, const Dns&) = default;
};
inline constexpr std::size_t kMostDnsServers = 8, kMostDnsDomains = 32;

struct Common {
  std::string name;        // of the tunnel: the file's stem, or the interface
  std::string key;         // path of the key file
  std::string credential;  // of a service manager, in which the key is instead; empty: none
  std::string interface;   // empty: the lowest free vpnN
  Mtu mtu = 1420;
  Fwmark fwmark = kDefaultFwmark;
  Table table = kDefaultTable;
  Level log_level = Level::info;
  LogFormat log_format = LogFormat::text;
  std::string metrics_textfile, metrics_socket;  // absolute paths; empty: none
  std::string control_group;                     // may look; empty: root and our own user only
  friend bool operator==(const Common&, const Common&) = default;
};

struct ClientConfig : Common {
  std::string host;  // name or address; an IPv6 address without brackets
  std::uint16_t port = 443;
  std::optional<Address> local_v4;   // a request; a lease that differs is an error
  std::optional<Address> remote_v4;  // the server's inner address; likewise
  std::optional<Address> gateway;
  bool full = true;  // false: only `include`
  std::vector<Prefix> include, exclude;
  Lan lan = Lan::private_only;
  std::vector<Prefix> lan_prefixes;
  bool keep_inbound = false;  // connections of others to this host stay out of the tunnel
  KillSwitch kill_switch = KillSwitch::on;
  Dns dns;
  // Until the first session; zero, the default of a file: never give up.
  std::chrono::seconds timeout{30};
  friend bool operator==(const ClientConfig&, const ClientConfig&) = default;
};

struct ServerConfig : Common {
  // Addresses stand in `listen`; a name to look up stands in `bind_host`, with `port`, and then
  // `listen` is empty. Both empty: every address, v6 and v4, with `port`.
  std::vector<Endpoint> listen;
  std::uint16_t port = 443;
  std::string bind_host;
  Address address_v4 = Address::v4(192, 168, 192, 254);  // our own, inner
  Prefix pool_v4{Address::v4(192, 168, 192, 0), 24};
  std::optional<Address> first_lease = Address::v4(192, 168, 192, 1);  // none: any of the pool
  // "auto": a ULA /64 derived from the key by the engine's identity; off: no inner IPv6
  enum class V6 : std::uint8_t { derived, off, given } v6 = V6::derived;
  std::optional<Prefix> pool_v6;  // given, or filled in once derived
  std::optional<Address> address_v6;
  std::uint32_t queues = 0;  // of the interface, a worker each; 0: as default_queues()
  std::uint32_t max_clients = 0;
  std::uint32_t max_connections = 4096;  // of one client at a time; 0: no limit
  bool isolate = true;
  bool nat = true;
  std::optional<Address> external;  // EXT-IP
  std::vector<Prefix> server_lan;
  std::vector<Address> push_dns;  // resolvers that clients are told of, one of a family
  bool dns_forward = true;  // without push_dns: our own address, relayed to the host's resolver
  std::optional<Address> upstream_v4, upstream_v6;  // the host's resolvers, filled in at start
  friend bool operator==(const ServerConfig&, const ServerConfig&) = default;
};

// A queue, and so a thread, for each processor, but not more than a few; a host with two has its
// hands full with one and what the kernel does for it.
constexpr std::uint32_t default_queues(std::uint32_t processors) noexcept {
  return processors <= 2 ? 1 : processors > 4 ? 4 : processors;
}
inline constexpr std::uint32_t kMostQueues = 16;

using Config = std::variant<ClientConfig, ServerConfig>;
inline Common& common_of(Config& config) noexcept {
  return std::visit([](auto& c) -> Common& { return c; }, config);
}
inline const Common& common_of(const Config& config) noexcept {
  return std::visit([](const auto& c) -> const Common& { return c; }, config);
}

// Positional forms, exactly DSVPN's order; "auto" or leaving out the trailing ones means the
// default. `args` starts after the sub-command. Throws Error (Exit::usage).
//   server KEY [ADDR|auto] [PORT] [TUN] [LOCAL-IP] [REMOTE-IP] [EXT-IP]
//   client KEY HOST        [PORT] [TUN] [LOCAL-IP] [REMOTE-IP] [GATEWAY]
// A server's LOCAL and REMOTE lie in one /24, which is the pool. EXT-IP is the address to translate
// to and, when ADDR is left out, to listen on.
ServerConfig server_from_arguments(std::span<const std::string> args);
ClientConfig client_from_arguments(std::span<const std::string> args);

// `name` is the path as the user wrote it, for messages ("home.toml:2:2: unknown key ..."). Its
// folder is where a relative key path starts, and its stem is the tunnel's name and, unless the
// file has another or the stem cannot be one, the interface's. Throws Error (Exit::config).
Config config_from_toml(std::string_view text, const std::string& name);

// Every key with its value, as TOML that reads back to the same configuration. Values that are only
// known at run time (a derived IPv6 pool) are written as what they derive from.
std::string effective(const Config&);

// All keys that exist ("routing.lan"), for the manual's test.
std::vector<std::string> config_keys();

// What an interface may be called: 1 to 15 bytes, neither "." nor "..", no '/', ':', blank or
// control character (dev_valid_name() of the kernel), and none of the names that mean something to
// it elsewhere ("all", "default", "lo"). Letters, digits and "-_." only, since the name becomes
// part of an nftables table's name.
bool valid_interface_name(std::string_view name) noexcept;

// "HOST", "HOST:PORT", "[V6]:PORT" or a bare IPv6 address. A host is an address or looks like a DNS
// name. nullopt: none of these. Without a port: `port`.
struct HostPort {
  std::string host;
  std::uint16_t port;
};
std::optional<HostPort> parse_host_port(std::string_view text, std::uint16_t port);
// Decimal, 1 to 65535, without leading zeros.
std::optional<std::uint16_t> parse_port(std::string_view text) noexcept;
bool valid_host_name(std::string_view text) noexcept;

// May a host wear this address: not unspecified, loopback, multicast or broadcast.
bool is_unicast(const Address&) noexcept;
// Is `a` a v4 address that a host of the prefix may have: inside, neither its first nor its last.
bool is_host_of(const Prefix& pool, const Address& a) noexcept;
// The first lease when nobody names one: 192.168.192.1 where that is free in the pool.
std::optional<Address> default_first_lease(const Prefix& pool, const Address& own) noexcept;

// The first resolver of each family becomes the upstream.
void use_resolvers(ServerConfig&, const std::vector<Address>&);
// Whose answers the server's own address of that family gives its clients; nullopt: it gives none.
std::optional<Address> relayed_to(const ServerConfig&, Family) noexcept;
// The resolver that a server tells its clients of; none of that family: nullopt.
std::optional<Address> announced_resolver(const ServerConfig&, Family) noexcept;

std::string_view level_name(Level) noexcept;
std::string_view log_format_name(LogFormat) noexcept;
std::string_view kill_switch_name(KillSwitch) noexcept;
// All of its names, in the order of their values.
std::vector<std::string> kill_switch_names();
std::string_view dns_mode_name(DnsMode) noexcept;
std::vector<std::string> dns_mode_names();
std::string_view lan_name(Lan) noexcept;

}  // namespace vpnd::plan
