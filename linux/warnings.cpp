// SPDX-License-Identifier: ISC
#include <fmt/format.h>

#include <algorithm>

#include "linux/lower.h"
#include "linux/networks.h"

namespace vpnd::nl {
namespace {

using Lines = std::vector<std::string>;

bool captures_all(const plan::Capture& capture) noexcept {
  return std::any_of(capture.into_tunnel.begin(), capture.into_tunnel.end(),
                     [](const Prefix& p) { return p.length == 0; });
}

void about_networks(const plan::Capture& capture, const HostFacts& facts, Lines& out) {
  if (capture.lan != plan::Lan::private_only) return;
  for (const Prefix& p : connected_prefixes(facts, capture.interface)) {
    if (!overlaps_any(p, capture.into_tunnel)) continue;
    if (!is_private(p)) {
      out.push_back(
          fmt::format("{} is a public network: although it is connected, it is reached "
                      "through the tunnel, and who comes from it is cut off",
                      p.text()));
    } else if (overlaps_any(p, capture.inner)) {
      out.push_back(
          fmt::format("the local network {} overlaps the tunnel's own and cannot be "
                      "reached meanwhile",
                      p.text()));
    }
  }
}

void about(const plan::Capture& capture, const HostFacts& facts, Lines& out) {
  if (captures_all(capture)) {
    out.push_back(
        "replies to those who connected to this host from beyond its local networks go into the "
        "tunnel: their connections, SSH among them, are cut");
  }
  if (capture.lan == plan::Lan::routes) {
    out.push_back(
        "lan = \"routes\": every route of the main table but the default goes past the tunnel; "
        "whoever answers DHCP on the local network can add such routes");
  }
  about_networks(capture, facts, out);
  auto uplinks = facts.uplinks_v4;
  if (capture.gateway) {
    const HostFacts::Link* link = link_towards(facts, *capture.gateway, capture.interface);
    if (link != nullptr && capture.gateway->is_v4()) uplinks = {link->name};
  }
  const bool strict = std::any_of(uplinks.begin(), uplinks.end(),
                                  [&](const auto& name) { return strict_rp_filter(facts, name); });
  if (strict) {
    out.push_back(
        "the uplink's reverse-path filter is strict: what root's programs send to the server's "
        "address and port goes past the tunnel");
  }
  if (capture.gateway &&
      std::none_of(capture.endpoints.begin(), capture.endpoints.end(), [&](const Endpoint& e) {
        return e.address.family() == capture.gateway->family();
      })) {
    out.push_back(fmt::format("gateway {} is of no use: the server has no address of its family",
                              capture.gateway->text()));
  }
  if (capture.refuse_v6) {
    out.push_back("the server has no IPv6: connections over IPv6 are refused at once");
  }
}

void about(const plan::Forward& forward, const HostFacts& facts, Lines& out) {
  if (facts.uplinks_v4.empty()) {
    out.push_back("this host has no IPv4 default route: clients reach only what it can reach");
  }
  for (const HostFacts::DropChain& chain : facts.drop_chains) {
    if (!chain.owned) continue;
    out.push_back(
        fmt::format("chain {} of table {} drops forwarded packets and belongs to "
                    "another program: allow forwarding from and to {} there",
                    chain.chain, chain.table, forward.interface));
  }
  const bool v6 = forward.pool_v6 && facts.has_v6;
  if (v6 && !facts.has_force_forwarding && facts.v6_forwarding_all == 0) {
    out.push_back(
        "this kernel has no IPv6 forwarding by interface: it is turned on for all of them, and "
        "interfaces that come later are routed between");
  }
  if (forward.pool_v6 && !facts.has_v6) {
    out.push_back("this host has no IPv6: clients get none");
  }
  if (forward.max_connections != 0 && !facts.counts_connections) {
    out.push_back(
        "this kernel cannot count the connections of each client (nft_connlimit): one client can "
        "fill the table of all of them");
  }
  for (const Prefix& p : connected_prefixes(facts, forward.interface)) {
    if (!overlap(p, forward.pool_v4) && !(forward.pool_v6 && overlap(p, *forward.pool_v6)))
      continue;
    out.push_back(fmt::format("the pool overlaps {}, a network of this host", p.text()));
  }
}

void about(const plan::Wall& wall, const HostFacts&, Lines& out) {
  const auto all = [](const Prefix& p) { return p.length == 0; };
  if (wall.guard_names || std::none_of(wall.guarded.begin(), wall.guarded.end(), all)) return;
  out.push_back("look-ups at a resolver of the local network go past the tunnel");
}
void about(const plan::Shield&, const HostFacts&, Lines&) {}
void about(const plan::ClampMss&, const HostFacts&, Lines&) {}
void about(const plan::Interface&, const HostFacts&, Lines&) {}
void about(const plan::Resolver&, const HostFacts&, Lines&) {}

}  // namespace

std::vector<std::string> warnings(const plan::Plan& plan, const HostFacts& facts) {
  Lines out;
  for (const plan::Step& step : plan.steps) {
    std::visit([&](const auto& s) { about(s, facts, out); }, step);
  }
  return out;
}

}  // namespace vpnd::nl
