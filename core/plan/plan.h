// SPDX-License-Identifier: ISC
#pragma once

// The host's desired state as a value. Steps stand in the order in which they must come true, and
// are taken back in the reverse order. No table number, chain name or file path appears here: each
// host lowers these to objects of its own.

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/base/addr.h"
#include "core/plan/config.h"
#include "core/wire/hello.h"

namespace vpnd::plan {

// What must not leave this host but by the tunnel, whatever routes say. It comes first and goes
// last.
struct Wall {
  std::string interface;
  KillSwitch mode = KillSwitch::on;
  Fwmark own_traffic = kDefaultFwmark;
  std::vector<Endpoint> endpoints;  // the server's, which our own traffic may reach
  std::vector<Address> asked;       // and resolvers, which it may ask for the server's name
  std::vector<Prefix> guarded;      // 0.0.0.0/0 and ::/0, or a list
  std::vector<Address> addresses;   // the tunnel's; none: there is no tunnel yet
  std::vector<Prefix> inner;        // the tunnel's own networks: never taken for local ones
  std::vector<Prefix> past_tunnel;  // excluded by the user
  Lan lan = Lan::private_only;
  std::vector<Prefix> lan_prefixes;  // Lan::list
  bool guard_names = true;           // look-ups past the tunnel are refused, or sent into it
  std::vector<Address> resolvers;    // reached through the tunnel
  bool stays = false;                // after we are gone
  bool keep_inbound = false;         // answers to who came in past the tunnel go back past it
  friend bool operator==(const Wall&, const Wall&) = default;
};

// The tunnel device. Its addresses carry their prefix length: host routes on a client, the pool's
// on a server.
struct Interface {
  std::string name;
  Mtu mtu = 1420;
  std::vector<Prefix> addresses;
  friend bool operator==(const Interface&, const Interface&) = default;
};

// Nothing from outside the device may be addressed to it, and its address is not told to the LAN
// (CVE-2019-14899 and the like).
struct Shield {
  std::string interface;
  std::vector<Address> addresses;
  bool client = false;        // whose containers' traffic goes under the tunnel's address
  bool session_only = false;  // KillSwitch::session: gone with us, however we end
  std::optional<Fwmark> keep_inbound{};  // where there is no wall to do it
  friend bool operator==(const Shield&, const Shield&) = default;
};

// The client's traffic goes into the device, but for what wears the mark and what may stay local.
struct Capture {
  std::string interface;
  Fwmark own_traffic = kDefaultFwmark;
  Table table = kDefaultTable;
  std::vector<Prefix> into_tunnel;   // 0.0.0.0/0 and ::/0, or a list with the server's own address
  std::vector<Prefix> inner;         // the tunnel's own networks: never taken for local ones
  std::vector<Prefix> past_tunnel;   // excluded by the user
  Lan lan = Lan::private_only;       // which connected prefixes stay local; the host looks them up
  std::vector<Prefix> lan_prefixes;  // Lan::list
  bool guard = false;      // refused when the tunnel's own routes are gone (KillSwitch::on, always)
  bool refuse_v6 = false;  // the server has no IPv6: what of it is captured is refused at once,
                           // rather than leak or stall
  std::vector<Endpoint> endpoints;  // the server's, for strict reverse-path filters
  std::vector<Address> asked;       // likewise: Wall::asked
  std::optional<Address> gateway;   // next hop for marked traffic only
  bool keep_inbound = false;        // what comes in past the tunnel is answered there
  friend bool operator==(const Capture&, const Capture&) = default;
};

// The server forwards for its clients.
struct Forward {
  std::string interface;
  Prefix pool_v4;
  std::optional<Prefix> pool_v6;
  bool masquerade = true;
  std::optional<Address> external;    // translate to this address
  bool isolate = true;                // also enforced by the engine
  std::uint32_t max_connections = 0;  // of one client at a time; 0: no limit
  std::vector<Prefix> server_lan;     // private networks of the server that clients may reach
  std::vector<Endpoint> listen;       // our own ports, kept out of the NAT's range
  // Look-ups of clients: sent to our address (first), answered by the host's resolver (second).
  std::vector<std::pair<Address, Address>> relayed;
  std::vector<Address> resolvers;  // whom clients may ask besides
  friend bool operator==(const Forward&, const Forward&) = default;
};

// Every TCP SYN that passes the device is clamped to the path's MTU.
struct ClampMss {
  std::string interface;
  friend bool operator==(const ClampMss&, const ClampMss&) = default;
};

// The host asks these resolvers, for every name. They are captured as well.
struct Resolver {
  std::string interface;
  DnsMode mode = DnsMode::automatic;  // never off
  std::vector<Address> servers;       // at least one
  std::vector<std::string> domains;
  friend bool operator==(const Resolver&, const Resolver&) = default;
};

using Step = std::variant<Wall, Shield, ClampMss, Forward, Interface, Capture, Resolver>;

struct Plan {
  std::string title;  // "client vpn0: up"
  std::vector<Step> steps;
  friend bool operator==(const Plan&, const Plan&) = default;
};

// What a client has come to. Each implies a plan; what is open in one of them is never more than
// the tunnel, our own way to the server, and what the user leaves out of it.
enum class Posture : std::uint8_t {
  connecting,  // never up yet: the wall alone
  up,          // also while reconnecting: what the host wants to send waits in the tunnel
  blocked,     // told to stay away: as up, but nothing of ours leaves either
  stopped,     // KillSwitch::always, after a clean stop: a wall without a way through
};

// `lease`: the last one; none before the first session. The interface's name must be known by then.
// The device's MTU is the lease's, but never above the configuration's. `asked`: whom our own
// traffic may ask for the server's name now; nobody while there is a session.
Plan plan_client(const ClientConfig&, const std::vector<Endpoint>& endpoints,
                 const wire::Lease* lease, Posture, const std::vector<Address>& asked = {});
Plan plan_server(const ServerConfig&);
// What a server of the usual settings would lease; the real one comes with the session.
wire::Lease usual_lease(const ClientConfig&);

// The numbered text of `vpnd plan`, without the host's part.
std::string print(const Plan&);

}  // namespace vpnd::plan
