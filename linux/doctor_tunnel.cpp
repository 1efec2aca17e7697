// SPDX-License-Identifier: ISC
// The tunnel that is asked about: does this host carry it, and does it hold what it promises.

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/plan/resolv_conf.h"
#include "linux/doctor.h"
#include "linux/networks.h"
#include "linux/nft.h"
#include "linux/resolver_file.h"
#include "linux/text_file.h"
#include "linux/way.h"

namespace vpnd::nl {
namespace {

using enum plan::Verdict;
using plan::Finding;
using plan::Findings;

constexpr unsigned kLeastMtu = 1280;  // RFC 8200
constexpr int kForwarding = 1;        // IPV4_DEVCONF_FORWARDING, linux/ip.h

// Of the public Internet, for the asking; nothing is sent there.
const Address kSomewhere4 = Address::v4(192, 0, 2, 1);
Address somewhere6() {
  return Address::parse("2001:db8::1").value_or(Address());
}

// ---- forwarding

void forwarding_now(const Patient& p, Findings& out) {
  std::vector<std::string> off, commands;
  std::vector<std::string> names = forwarding_links(p.facts, Family::v4, p.interface);
  names.push_back(p.interface);
  for (const std::string& name : names) {
    const Link* link = p.link(name);
    if (link == nullptr || link->setting(kForwarding) != 0) continue;
    off.push_back(name);
    commands.push_back(fmt::format("sysctl -w net/ipv4/conf/{}/forwarding=1", name));
  }
  if (off.empty()) {
    out.push_back({"forwarding.ipv4", ok, "on, where the tunnel needs it", {}, {}});
    return;
  }
  out.push_back({"forwarding.ipv4", problem,
                 fmt::format("somebody turned forwarding off on {}", fmt::join(off, " ")),
                 "turn it on again:", commands});
}

void forwarding_of_v6(const Patient& p, Findings& out) {
  const bool off = p.server != nullptr && p.server->v6 == plan::ServerConfig::V6::off;
  if (off || !p.facts.has_v6) {
    out.push_back({"forwarding.ipv6", skipped, "clients get no IPv6", {}, {}});
  } else if (p.facts.has_force_forwarding || p.facts.v6_forwarding_all != 0) {
    out.push_back({"forwarding.ipv6", ok, "can be had for each interface", {}, {}});
  } else {
    out.push_back({"forwarding.ipv6",
                   note,
                   "before Linux 6.17 it can only be turned on for all interfaces at once",
                   "expect that in \"vpnd plan\", or turn it off: pool6 = \"off\" under [server]",
                   {}});
  }
}

// ---- leaks

void changes(const plan::Status& s, Findings& out) {
  if (s.changes_present == s.changes_made) {
    out.push_back({"leaks.changes",
                   ok,
                   fmt::format("{} changes made, all of them in place", s.changes_made),
                   {},
                   {}});
    return;
  }
  const auto of_resolvers = [](const std::string& line) { return line.starts_with("~ dns"); };
  const char* what_to_do =
      std::ranges::all_of(s.missing, of_resolvers)
          ? "another program has written the resolver file since, and vpnd leaves that to it: "
            "start "
            "the tunnel anew to have its resolvers named there again"
      : s.repairs_rest
          ? "somebody removes them again and again, and vpnd has stopped putting them back: see "
            "conflicts and managers above"
          : "vpnd puts them back by itself; if it does not, start the tunnel anew";
  out.push_back({"leaks.changes",
                 problem,
                 fmt::format("{} changes made, {} in place; missing: {}", s.changes_made,
                             s.changes_present, fmt::join(s.missing, "; ")),
                 what_to_do,
                 {}});
}

// By which device the kernel would send it; empty: it refuses.
std::string device_to(Netlink& rt, const Address& to) {
  const std::string way = way_to(rt, to, Fwmark{});
  return way.substr(0, way.find('#'));
}

Finding way_of(const Patient& p, Netlink& rt, const char* id, const Address& to, bool must_pass) {
  const std::string device = device_to(rt, to);
  const char* family = to.is_v4() ? "IPv4" : "IPv6";
  if (device == p.interface) {
    return {id, ok, fmt::format("{} goes through {}", family, p.interface), {}, {}};
  }
  if (device.empty() && !must_pass) return {id, ok, fmt::format("{} is refused", family), {}, {}};
  return {id,
          problem,
          device.empty() ? fmt::format("{} is refused, though the tunnel runs", family)
                         : fmt::format("{} goes through {}, past the tunnel", family, device),
          "another program's routes or rules are asked first: see conflicts above; \"vpnd check\" "
          "tries every way out",
          {}};
}

Finding names(const Patient& p, Netlink& rt) {
  if (!p.running->dns_set) {
    return {"leaks.dns",
            note,
            fmt::format("the resolvers are {}", p.running->dns),
            "look-ups go into the tunnel all the same; run systemd-resolved, let vpnd write "
            "/etc/resolv.conf, or turn this off: mode = \"off\" under [dns]",
            {}};
  }
  std::vector<std::string> past;
  for (const Address& a : plan::askable(plan::nameservers(read_text(kResolverFile)))) {
    const std::string device = device_to(rt, a);
    if (device != p.interface && !device.empty()) past.push_back(a.text());
  }
  if (past.empty()) return {"leaks.dns", ok, "no resolver is asked past the tunnel", {}, {}};
  return {"leaks.dns",
          note,
          fmt::format("{} names {}, past the tunnel: the firewall sends such look-ups into it",
                      kResolverFile, fmt::join(past, " ")),
          "\"vpnd check\" tries whether any gets out",
          {}};
}

Finding wall(const Patient& p) {
  const auto& mode = p.running->routing.kill_switch;
  if (mode == "off") return {"leaks.wall", note, "kill_switch.mode is off", {}, {}};
  if (const auto hidden = firewall_hidden()) return {"leaks.wall", skipped, *hidden, {}, {}};
  NftSocket socket;
  if (wall_present(socket, p.interface)) {
    return {"leaks.wall", ok, fmt::format("the wall stands, mode \"{}\"", mode), {}, {}};
  }
  return {"leaks.wall", problem, "the wall is gone", "start the tunnel anew", {}};
}

bool captures(const plan::Status& s, const char* everything) {
  const auto& into = s.routing.into_tunnel;
  return std::ranges::find(into, everything) != into.end();
}

// ---- path

void reverse_path(const Patient& p, Findings& out) {
  for (const std::string& name : p.facts.uplinks_v4) {
    if (!strict_rp_filter(p.facts, name) || name == p.interface) continue;
    out.push_back({"path.rp-filter",
                   note,
                   fmt::format("the reverse-path filter of {} is strict: what root's programs send "
                               "to the server's own address and port goes past the tunnel",
                               name),
                   "a loose one does as well:",
                   {fmt::format("sysctl -w net/ipv4/conf/{}/rp_filter=2", name)}});
    return;
  }
  out.push_back({"path.rp-filter", ok, "no strict reverse-path filter on the uplink", {}, {}});
}

void mtu(const Patient& p, Findings& out) {
  std::vector<std::string> uplinks = p.facts.uplinks_v4;
  for (const std::string& name : p.facts.uplinks_v6) {
    if (std::ranges::find(uplinks, name) == uplinks.end()) uplinks.push_back(name);
  }
  std::string seen;
  for (const std::string& name : uplinks) {
    const Link* link = p.link(name);
    if (link == nullptr) continue;
    if (link->mtu < kLeastMtu) {
      out.push_back({"path.mtu",
                     problem,
                     fmt::format("{} has an MTU of {}: less than IPv6 needs", name, link->mtu),
                     "an Ethernet takes 1500:",
                     {fmt::format("ip link set dev {} mtu 1500", name)}});
      return;
    }
    seen += fmt::format("{}{} {}", seen.empty() ? "" : ", ", name, link->mtu);
  }
  if (seen.empty()) {
    out.push_back({"path.mtu",
                   problem,
                   "this host has no default route",
                   "connect it to a network first",
                   {}});
    return;
  }
  out.push_back({"path.mtu", ok, seen, {}, {}});
}

void server(const Patient& p, Netlink& rt, Findings& out) {
  std::vector<std::string> known;
  if (p.running) known = p.running->routing.endpoints;
  if (known.empty() && p.client != nullptr) known.push_back(p.client->host);
  for (const std::string& text : known) {
    const auto endpoint = Endpoint::parse(text);
    const auto address = endpoint ? std::optional(endpoint->address) : Address::parse(text);
    if (!address) continue;
    const std::string way = way_to(rt, *address, p.mark);
    if (way.empty()) continue;
    out.push_back(
        {"path.server",
         ok,
         fmt::format("{} is reached by {}", address->text(), way.substr(0, way.find('#'))),
         {},
         {}});
    return;
  }
  if (known.empty() || !Address::parse(known.front())) return;
  out.push_back({"path.server",
                 problem,
                 fmt::format("there is no way to {}", known.front()),
                 "connect this host to a network that leads there",
                 {}});
}

}  // namespace

void examine_forwarding(const Patient& p, Findings& out) {
  if (!p.serves()) {
    out.push_back(
        {"forwarding.ipv4", skipped, p.connects() ? "a client" : "no server here", {}, {}});
    return;
  }
  if (p.running) {
    forwarding_now(p, out);
  } else {
    out.push_back({"forwarding.ipv4", ok, "the server turns it on where it needs it", {}, {}});
  }
  forwarding_of_v6(p, out);
  if (firewall_hidden()) return;
  out.push_back(counts_connections(NftSocket())
                    ? Finding{"forwarding.connections", ok, "each client's can be counted", {}, {}}
                    : Finding{"forwarding.connections",
                              note,
                              "this kernel cannot count each client's (nft_connlimit): one client "
                              "can fill the table of all of them",
                              {},
                              {}});
}

void examine_leaks(const Patient& p, Netlink& rt, Findings& out) {
  if (!p.running || p.serves()) return;
  const plan::Status& s = *p.running;
  changes(s, out);
  out.push_back(wall(p));
  if (captures(s, "0.0.0.0/0")) out.push_back(way_of(p, rt, "leaks.ipv4", kSomewhere4, true));
  if (captures(s, "::/0")) out.push_back(way_of(p, rt, "leaks.ipv6", somewhere6(), false));
  if (!s.dns.empty()) out.push_back(names(p, rt));
}

void examine_path(const Patient& p, Netlink& rt, Findings& out) {
  if (!p.serves()) reverse_path(p, out);
  mtu(p, out);
  if (!p.serves()) server(p, rt, out);
}

}  // namespace vpnd::nl
