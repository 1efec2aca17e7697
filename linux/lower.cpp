// SPDX-License-Identifier: ISC
#include "linux/lower.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "core/wire/look_up.h"
#include "linux/networks.h"

namespace vpnd::nl {
namespace {

constexpr Table kMain{254};
constexpr std::uint32_t kGatewayRule = 29980, kServerRule = 29990, kMainRule = 30000,
                        kCaptureRule = 30001;
// Above (that is, after) every metric that a routing daemon is likely to use.
constexpr std::uint32_t kBlackholeMetric = 4000000;
// One below the largest, which iproute2's flush overlooks for IPv6.
constexpr std::uint32_t kGuardMetric = 4294967294;
constexpr int kForwarding = 1, kSrcValidMark = 24;  // IPV4_DEVCONF_*, linux/ip.h

Prefix all_of(Family family) noexcept {
  return {family == Family::v4 ? Address{} : Address::v6(ByteArray<16>{}), 0};
}

Table after(Table table) noexcept {
  return Table(static_cast<std::uint32_t>(table) + 1);
}

class Lowering {
 public:
  explicit Lowering(const HostFacts& facts) noexcept : facts_(facts) {}

  std::vector<Object> run(const plan::Plan& plan) {
    for (const plan::Step& step : plan.steps) {
      if (const auto* w = std::get_if<plan::Wall>(&step)) wall(*w);
    }
    filter(plan);
    for (const plan::Step& step : plan.steps) {
      std::visit([this](const auto& s) { add(s); }, step);
    }
    // These name the device, or need its routes: after everything else.
    for (const plan::Step& step : plan.steps) {
      if (const auto* forward = std::get_if<plan::Forward>(&step)) open_forwarding(*forward);
    }
    return std::move(out_);
  }

 private:
  // Three steps share one nftables table, which is one atomic batch.
  void filter(const plan::Plan& plan) {
    FilterTable table;
    bool any = false;
    for (const plan::Step& step : plan.steps) {
      if (const auto* shield = std::get_if<plan::Shield>(&step)) {
        table.interface = shield->interface;
        table.shielded = shield->addresses;
        table.session_only = shield->session_only;
        table.masquerade_others = shield->client;
        table.keep_inbound = shield->keep_inbound;
        any = true;
      } else if (const auto* clamp = std::get_if<plan::ClampMss>(&step)) {
        table.interface = clamp->interface;
        table.clamp_mss = true;
        any = true;
      } else if (const auto* forward = std::get_if<plan::Forward>(&step)) {
        forwarding_rules(table, *forward);
        any = true;
      }
    }
    if (any) out_.emplace_back(std::move(table));
  }

  void forwarding_rules(FilterTable& table, const plan::Forward& forward) const {
    table.interface = forward.interface;
    table.pool_v4 = forward.pool_v4;
    if (facts_.has_v6) table.pool_v6 = forward.pool_v6;
    table.masquerade = forward.masquerade;
    table.external = forward.external;
    table.isolate = forward.isolate;
    if (facts_.counts_connections) table.connections = forward.max_connections;
    table.server_lan = forward.server_lan;
    table.relayed = forward.relayed;
    table.resolvers = forward.resolvers;
    keep_apart(table, forward);
    std::vector<Prefix> ours = forward.server_lan;
    ours.push_back(forward.pool_v4);
    if (forward.pool_v6) ours.push_back(*forward.pool_v6);
    for (const Prefix& p : connected_prefixes(facts_, forward.interface)) {
      // A network that server_lan opens in part stays closed in the other: the filter asks what is
      // open first. Link-local ones it closes by itself.
      const bool whole =
          std::any_of(ours.begin(), ours.end(), [&](const Prefix& o) { return o.contains(p); });
      if (is_private(p) && !is_link_local(p) && !whole) table.server_private.push_back(p);
    }
  }

  // Which device a packet came in by decides whether it is forwarded, so these are the ones for
  // which there was no forwarding.
  void keep_apart(FilterTable& table, const plan::Forward& forward) const {
    const bool v6 = forward.pool_v6 && facts_.has_v6 && facts_.v6_forwarding_all == 0;
    for (const HostFacts::Link& link : facts_.links) {
      if (link.name == forward.interface || link.name == "lo") continue;
      const bool apart_v4 = link.forwarding == 0, apart_v6 = v6 && link.force_forwarding == 0;
      if (apart_v4) table.apart_v4.push_back(link.name);
      if (apart_v6) table.apart_v6.push_back(link.name);
      if (link.bridge && (apart_v4 || apart_v6)) table.bridges.push_back(link.name);
    }
  }

  void wall(const plan::Wall& wall) {
    Wall out;
    out.interface = wall.interface;
    out.session_only = wall.mode == plan::KillSwitch::session;
    out.stays = wall.stays;
    out.mark = wall.own_traffic;
    out.endpoints = wall.endpoints;
    out.asked = wall.asked;
    out.guarded = wall.guarded;
    out.own = wall.addresses;
    out.guard_names = wall.guard_names;
    out.resolvers = wall.resolvers;
    out.keep_inbound = wall.keep_inbound;
    for (const Prefix& p : wall.past_tunnel) out.local.push_back({{}, p.masked()});
    local_networks(wall, out);
    out_.emplace_back(std::move(out));
  }

  // The routes' throws and the wall's ways out are by the same rule, or one would undo the other.
  static bool stays_local(const Prefix& connected, const std::vector<Prefix>& inner,
                          bool any_network = false) noexcept {
    return (any_network || is_private(connected)) && !overlaps_any(connected, inner);
  }

  // Computed from addresses, never from routes, which others on the local network can add; but for
  // who asked for just that.
  void local_networks(const plan::Wall& wall, Wall& out) const {
    if (wall.lan == plan::Lan::list) {
      for (const Prefix& p : wall.lan_prefixes) out.local.push_back({{}, p.masked()});
    }
    const bool routes = wall.lan == plan::Lan::routes;
    if (wall.lan != plan::Lan::private_only && !routes) return;
    for (const HostFacts::Link& link : facts_.links) {
      if (link.name == wall.interface || link.name == "lo") continue;
      for (const Prefix& p : link.connected) {
        if (stays_local(p, wall.inner, routes)) {
          out.local.push_back({link.name, p.masked()});
        }
      }
      if (!routes) continue;
      for (const Prefix& p : link.routed) out.local.push_back({link.name, p.masked()});
    }
    for (const Prefix& p : broadcasts()) out.local.push_back({{}, p});
  }

  // Multicast and broadcast are of the local network by their nature.
  static std::array<Prefix, 3> broadcasts() {
    return {{{Address::v4(224, 0, 0, 0), 4},
             {Address::v4(255, 255, 255, 255), 32},
             {Address::v6(ByteArray<16>{0xff}), 8}}};
  }

  void add(const plan::Wall&) {}  // the first of all
  void add(const plan::Shield&) {}
  void add(const plan::ClampMss&) {}

  void add(const plan::Forward& forward) {
    blackhole(forward.pool_v4);
    if (forward.pool_v6 && facts_.has_v6) blackhole(*forward.pool_v6);
  }

  void blackhole(const Prefix& pool) {
    Route route;
    route.type = Route::Type::blackhole;
    route.to = pool.masked();
    route.table = kMain;
    route.metric = kBlackholeMetric;
    out_.emplace_back(std::move(route));
  }

  void add(const plan::Interface& interface) {
    out_.emplace_back(LinkUp{interface.name, interface.mtu});
    for (const Prefix& p : interface.addresses) {
      if (p.address.is_v4() || facts_.has_v6) out_.emplace_back(AddressOn{interface.name, p});
    }
  }

  void add(const plan::Capture& capture) {
    if (capture.into_tunnel.empty()) return;
    thrown_.clear();
    for (const Prefix& p : capture.past_tunnel) let_past(p, capture);
    keep_local(capture);
    if (capture.guard) guard(capture);
    tunnel_routes(capture);
    if (capture.gateway) gateway(capture);
    server_rules(capture);
    for (const Family family : {Family::v4, Family::v6}) capture_rules(capture, family);
  }

  void add(const plan::Resolver& r) {
    out_.emplace_back(DnsServers{r.interface, r.mode, r.servers, r.domains});
  }

  static bool captures(const plan::Capture& capture, Family family) noexcept {
    return std::any_of(capture.into_tunnel.begin(), capture.into_tunnel.end(),
                       [&](const Prefix& p) { return p.address.family() == family; });
  }

  bool usable(Family family) const noexcept { return family == Family::v4 || facts_.has_v6; }

  bool thrown(const Prefix& masked) const noexcept {
    return std::find(thrown_.begin(), thrown_.end(), masked) != thrown_.end();
  }

  void let_past(const Prefix& to, const plan::Capture& capture) {
    const Prefix masked = to.masked();
    if (thrown(masked) || !usable(to.address.family())) return;
    // What is not captured needs no way past.
    if (!overlaps_any(masked, capture.into_tunnel)) return;
    thrown_.push_back(masked);
    Route route;
    route.type = Route::Type::thrown;
    route.to = masked;
    route.table = capture.table;
    out_.emplace_back(std::move(route));
  }

  void keep_local(const plan::Capture& capture) {
    if (capture.lan == plan::Lan::list) {
      for (const Prefix& p : capture.lan_prefixes) let_past(p, capture);
    }
    if (capture.lan != plan::Lan::private_only) return;
    for (const Prefix& p : connected_prefixes(facts_, capture.interface)) {
      if (stays_local(p, capture.inner)) let_past(p, capture);
    }
    for (const Prefix& p : broadcasts()) let_past(p, capture);
  }

  void tunnel_routes(const plan::Capture& capture) {
    // The defaults last: until then nothing else is missing.
    std::vector<Prefix> into;
    for (const bool defaults : {false, true}) {
      for (const Prefix& p : capture.into_tunnel) {
        if ((p.length == 0) == defaults) into.push_back(p.masked());
      }
    }
    for (const Prefix& to : into) {
      if (thrown(to) || !usable(to.address.family())) continue;
      Route route;
      route.to = to;
      route.table = capture.table;
      if (capture.refuse_v6 && !to.address.is_v4()) {
        route.type = Route::Type::unreachable;
      } else {
        route.interface = capture.interface;
      }
      out_.emplace_back(std::move(route));
    }
  }

  // Beneath the tunnel's own routes, which go with the device: what would use them is then refused
  // instead of looked up elsewhere.
  void guard(const plan::Capture& capture) {
    for (const Prefix& p : capture.into_tunnel) {
      const Prefix to = p.masked();
      if (thrown(to) || !usable(to.address.family())) continue;
      Route route;
      route.type = Route::Type::unreachable;
      route.to = to;
      route.table = capture.table;
      route.metric = kGuardMetric;
      out_.emplace_back(std::move(route));
    }
  }

  void gateway(const plan::Capture& capture) {
    const HostFacts::Link* link = link_towards(facts_, *capture.gateway, capture.interface);
    if (link == nullptr) {
      throw config_error(
          fmt::format("gateway {} is on no network of this host", capture.gateway->text()),
          "name a router that an interface reaches without another");
    }
    const Family family = capture.gateway->family();
    Route route;
    route.to = all_of(family);
    route.table = after(capture.table);
    route.interface = link->name;
    route.gateway = capture.gateway;
    out_.emplace_back(std::move(route));
    Rule rule;
    rule.family = family;
    rule.priority = kGatewayRule;
    rule.mark = capture.own_traffic;
    rule.table = after(capture.table);
    out_.emplace_back(rule);
  }

  // The reverse-path filter looks up the way back to the server without the mark and with uid 0; it
  // must find the uplink. IPv6 has no such filter.
  void server_rules(const plan::Capture& capture) {
    const bool by_gateway = capture.gateway && capture.gateway->is_v4();
    std::vector<std::string> uplinks = facts_.uplinks_v4;
    if (by_gateway) {
      const HostFacts::Link* link = link_towards(facts_, *capture.gateway, capture.interface);
      uplinks = {link->name};  // gateway() saw to it that there is one
    }
    if (std::none_of(uplinks.begin(), uplinks.end(),
                     [this](const auto& name) { return strict_rp_filter(facts_, name); })) {
      return;
    }
    if (capture.keep_inbound) {
      // The mark of what comes in is to count in the look-up of the way back.
      for (const std::string& name : uplinks) {
        if (strict_rp_filter(facts_, name)) {
          out_.emplace_back(LinkSetting{name, kSrcValidMark, 1});
        }
      }
    }
    const auto add = [&](const Endpoint& to, bool udp) {
      if (!to.address.is_v4()) return;
      Rule rule;
      rule.priority = kServerRule;
      rule.to = to;
      rule.udp = udp;
      rule.root_only = true;
      rule.table = by_gateway ? after(capture.table) : kMain;
      out_.emplace_back(rule);
    };
    for (const Endpoint& endpoint : capture.endpoints) add(endpoint, false);
    for (const Address& a : capture.asked) add({a, wire::kDnsPort}, true);
  }

  void capture_rules(const plan::Capture& capture, Family family) {
    if (!usable(family) || !captures(capture, family)) return;
    Rule rule;
    rule.family = family;
    if (capture.lan == plan::Lan::routes) {
      rule.priority = kMainRule;
      rule.table = kMain;
      rule.suppress_default = true;
      out_.emplace_back(rule);
      rule.suppress_default = false;
    }
    rule.priority = kCaptureRule;
    rule.table = capture.table;
    rule.mark = capture.own_traffic;
    rule.invert = true;
    out_.emplace_back(rule);
  }

  void open_forwarding(const plan::Forward& forward) {
    out_.emplace_back(LinkSetting{forward.interface, kForwarding, 1});
    for (const auto& name : forwarding_links(facts_, Family::v4, forward.interface)) {
      out_.emplace_back(LinkSetting{name, kForwarding, 1});
    }
    const bool v6 = forward.pool_v6 && facts_.has_v6;
    if (v6) open_forwarding_v6(forward);
    for (const HostFacts::DropChain& chain : facts_.drop_chains) {
      const bool passes = chain.inet || chain.family == Family::v4 || v6;
      if (chain.owned || !passes) continue;
      out_.emplace_back(
          ForeignAccept{chain.family, chain.inet, chain.table, chain.chain, forward.interface});
    }
  }

  void open_forwarding_v6(const plan::Forward& forward) {
    if (facts_.has_force_forwarding) {
      out_.emplace_back(Sysctl6{forward.interface, "force_forwarding", 1});
      for (const auto& name : forwarding_links(facts_, Family::v6, forward.interface)) {
        out_.emplace_back(Sysctl6{name, "force_forwarding", 1});
      }
      return;
    }
    // A router heeds no router advertisements and would lose its own default route, unless it is
    // told to heed them all the same, before.
    for (const auto& name : facts_.uplinks_v6) out_.emplace_back(Sysctl6{name, "accept_ra", 2});
    out_.emplace_back(Sysctl6{"all", "forwarding", 1});
  }

  const HostFacts& facts_;
  std::vector<Object> out_;
  std::vector<Prefix> thrown_;
};

}  // namespace

std::vector<Object> lower(const plan::Plan& plan, const HostFacts& facts) {
  return Lowering(facts).run(plan);
}

}  // namespace vpnd::nl
