// SPDX-License-Identifier: ISC
#pragma once

// Kernel objects as plain data: what a plan is lowered to, and what apply() makes come true one by
// one. Each knows how it is written in `vpnd plan`.

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/base/addr.h"
#include "core/plan/config.h"

namespace vpnd::nl {

// Addresses, MTU and IFF_UP of an existing device (the TUN itself is opened by tun.h).
struct LinkUp {
  std::string name;
  Mtu mtu = 0;
  friend bool operator==(const LinkUp&, const LinkUp&) = default;
};

struct AddressOn {
  std::string interface;
  Prefix prefix;  // v6 is set with NODAD
  friend bool operator==(const AddressOn&, const AddressOn&) = default;
};

// A route of protocol 85.
struct Route {
  enum class Type : std::uint8_t { unicast, thrown, blackhole, unreachable } type = Type::unicast;
  Prefix to;
  Table table{254};
  std::string interface;           // unicast
  std::optional<Address> gateway;  // unicast
  std::uint32_t metric = 0;
  friend bool operator==(const Route&, const Route&) = default;
};
// As iproute2 writes it in front of a destination: "throw ", "".
const char* type_word(Route::Type) noexcept;

// A policy rule of protocol 85 with an explicit priority.
struct Rule {
  Family family = Family::v4;
  std::uint32_t priority = 0;
  Table table{};
  std::optional<Fwmark> mark;
  bool invert = false;            // "not fwmark"
  std::optional<Endpoint> to;     // `to ADDR ipproto tcp dport PORT`
  bool udp = false;               // with `to`: udp instead
  bool root_only = false;         // uidrange 0-0
  bool suppress_default = false;  // suppress_prefixlength 0
  friend bool operator==(const Rule&, const Rule&) = default;
};

// A per-interface IPv4 setting by RTM_SETLINK (IFLA_INET_CONF): 1 forwarding, 8 rp_filter,
// 19 arp_ignore, 24 src_valid_mark. The old value comes back on revert.
struct LinkSetting {
  std::string interface;
  int index = 0;
  int value = 0;
  friend bool operator==(const LinkSetting&, const LinkSetting&) = default;
};

// IPv6 settings have no netlink form: /proc/sys/net/ipv6/conf/<interface>/<key>.
struct Sysctl6 {
  std::string interface;  // "all" too
  std::string key;
  int value = 0;
  friend bool operator==(const Sysctl6&, const Sysctl6&) = default;
};

// The table inet vpnd_<interface>, described by what it must do; filter.cpp renders its rules.
struct FilterTable {
  std::string interface;
  bool session_only = false;      // gone with its owner
  std::vector<Address> shielded;  // nothing from elsewhere may be addressed to these
  bool clamp_mss = false;
  // server
  std::optional<Prefix> pool_v4, pool_v6;
  bool masquerade = false;
  std::optional<Address> external;
  bool isolate = false;
  std::uint32_t connections = 0;       // of one client at a time; 0: no limit
  std::vector<Prefix> server_lan;      // opened
  std::vector<Prefix> server_private;  // the host's own private networks: refused unless opened
  // Look-ups that clients send to the first are answered by the second, a resolver of this host.
  std::vector<std::pair<Address, Address>> relayed;
  std::vector<Address> resolvers;  // whom clients may ask for names, wherever they are
  // client
  bool masquerade_others = false;      // containers behind this host, and redirected look-ups
  std::optional<Fwmark> keep_inbound;  // without a wall: answers to who came in past the tunnel
  // Devices that did not forward before we came. Turning it on for the tunnel turns it on between
  // them as well, which nobody asked for: nothing is routed from one of them to another.
  // Within a bridge frames pass through the same hook (br_netfilter) without being routed.
  std::vector<std::string> apart_v4, apart_v6, bridges;
  friend bool operator==(const FilterTable&, const FilterTable&) = default;
};

// What leaves this host past the tunnel: the table inet vpnd_<interface>_wall. wall.cpp renders its
// rules.
struct Wall {
  struct Local {
    std::string interface;  // empty: any
    Prefix prefix;
    friend bool operator==(const Local&, const Local&) = default;
  };
  std::string interface;
  // Gone with its owner; otherwise it outlives a killed process, until the next start or cleanup.
  bool session_only = false;
  bool stays = false;  // outlives a clean stop as well
  Fwmark mark{};
  std::vector<Endpoint> endpoints;  // by TCP and with the mark; empty: nothing of ours goes out
  std::vector<Address> asked;       // by UDP, port 53, and with the mark
  std::vector<Prefix> guarded;      // what may leave by the tunnel only
  std::vector<Address> own;         // the tunnel's addresses; empty: there is no tunnel yet
  std::vector<Local> local;         // stays possible past the tunnel, but for name look-ups
  bool guard_names = false;         // ports 53, 853, 5353
  std::vector<Address> resolvers;   // inside the tunnel: look-ups past it are sent there instead
  bool keep_inbound = false;        // answers to who came in past the tunnel go back past it
  friend bool operator==(const Wall&, const Wall&) = default;
};

// One accept for our device in somebody else's forward chain that drops by policy.
struct ForeignAccept {
  Family family = Family::v4;
  bool inet = false;  // the chain is in an inet table
  std::string table, chain;
  std::string interface;
  friend bool operator==(const ForeignAccept&, const ForeignAccept&) = default;
};

// The resolvers that the host asks, by systemd-resolved or by /etc/resolv.conf.
struct DnsServers {
  std::string interface;
  plan::DnsMode mode = plan::DnsMode::automatic;
  std::vector<Address> servers;
  std::vector<std::string> domains;
  friend bool operator==(const DnsServers&, const DnsServers&) = default;
};

using Object = std::variant<Wall, FilterTable, Route, LinkUp, AddressOn, LinkSetting, Sysctl6, Rule,
                            ForeignAccept, DnsServers>;

// What lowering needs to know of the host; one dump, taken before.
struct HostFacts {
  struct Link {
    int index = 0;
    std::string name;
    int rp_filter = 0;  // the interface's own value
    int forwarding = 0;
    std::vector<Prefix> addresses;
    std::vector<Prefix> connected;  // made by the kernel: scope link, protocol kernel
    int force_forwarding = 0;       // IPv6; 0 where the kernel has none
    bool bridge = false;
    std::vector<Prefix> routed{};  // every other unicast route of main but a default
  };
  std::vector<Link> links;
  std::vector<std::string> uplinks_v4, uplinks_v6;  // devices of default routes in main
  std::optional<Address> gateway_v4, gateway_v6;
  int rp_filter_all = 0;
  int v6_forwarding_all = 0;
  bool has_force_forwarding = false;  // net.ipv6.conf.*.force_forwarding exists
  bool has_v6 = true;
  bool counts_connections = true;  // nf_tables can count those of one source (nft_connlimit)
  struct DropChain {
    Family family = Family::v4;
    bool inet = false;
    std::string table, chain;
    bool owned = false;  // its table has an owner: we may not insert there
  };
  std::vector<DropChain> drop_chains;  // forward hook, policy drop, not ours
};

// Of a LinkSetting, as /proc/sys/net/ipv4/conf calls it.
std::string setting_name(int index);
// One line: "+ rule 30001 not fwmark 42069 -> table 42069 (v4)".
std::string describe(const Object&);

}  // namespace vpnd::nl
