// SPDX-License-Identifier: ISC
// The wall, as an nftables table. The chain in postrouting decides: there the device by which a
// packet leaves is final, for the host's own packets and for forwarded ones. Earlier hooks see an
// older device when somebody has set a mark or another destination meanwhile; the chains there only
// refuse politely what would be dropped anyway, so that programs fail at once.

#include <array>

#include "linux/filter_words.h"

namespace vpnd::nl {
namespace {

using namespace words;

constexpr std::int32_t kPriorityPolite = 10, kPriorityDecide = -50;
// DNS, DNS over TLS, and multicast DNS, which tells the local network what is looked for.
constexpr std::array<std::uint16_t, 3> kNamePorts{kDns, 853, 5353};
constexpr std::uint32_t kLinesAMinute = 6;
// What finds neighbours and routers: MLD, router and neighbour solicitation and advertisement,
// MLDv2.
constexpr std::array<std::uint8_t, 6> kNeighbours{131, 132, 133, 135, 136, 143};

using Matches = std::vector<NftMatch>;

// The same decisions in three hooks; only what a refusal looks like differs.
class Chain {
 public:
  Chain(const Wall& wall, NftChain chain) : wall_(wall), out_(std::move(chain)) {}

  NftChain run() {
    allow({out("lo")}, "to this host itself");
    if (!decides()) allow({NftRedirected{}}, "sent elsewhere since; decided later");
    // Before the tunnel: an answer that was sent another way shows its old device in the output
    // hook.
    if (wall_.keep_inbound) {
      allow({NftDirection{true}, NftConnectionMark{static_cast<std::uint32_t>(wall_.mark)}},
            "answers to who came in past the tunnel");
    }
    tunnel();
    carrier();
    link();
    if (wall_.guard_names) names();
    for (const Wall::Local& local : wall_.local) {
      Matches matches{to(local.prefix)};
      if (!local.interface.empty()) matches.insert(matches.begin(), out(local.interface));
      allow(std::move(matches), "stays local");
    }
    rest();
    return std::move(out_);
  }

 private:
  bool decides() const noexcept { return out_.hook == NftChain::Hook::postrouting; }

  void allow(Matches matches, std::string comment) {
    out_.rules.push_back(accept(std::move(matches), std::move(comment)));
  }

  void refuse(const Matches& matches, const std::string& comment) {
    if (decides()) {
      out_.rules.push_back(drop(matches, comment));
      return;
    }
    Matches tcp = matches;
    tcp.emplace_back(NftProtocol{kTcp});
    out_.rules.push_back({std::move(tcp), true, NftReject{true}, comment});
    out_.rules.push_back({matches, true, NftReject{false}, comment});
  }

  void tunnel() {
    if (wall_.own.empty()) return;
    // A connection older than the tunnel shows the address of the local network, and would hang.
    if (out_.hook == NftChain::Hook::output) {
      for (const Address& own : wall_.own) {
        refuse({out(wall_.interface), not_from(Prefix::host(own))}, "older than the tunnel");
      }
    }
    allow({out(wall_.interface)}, "through the tunnel");
  }

  void carrier() {
    const NftMark ours{false, static_cast<std::uint32_t>(wall_.mark)};
    for (const Endpoint& e : wall_.endpoints) {
      allow({ours, to(Prefix::host(e.address)), NftProtocol{kTcp}, NftPort{e.port}},
            "the tunnel itself");
    }
    for (const Address& a : wall_.asked) {
      allow({ours, to(Prefix::host(a)), NftProtocol{kUdp}, NftPort{kDns}}, "the server's name");
    }
  }

  void link() {
    const NftProtocol udp{kUdp};
    allow({NftFamily{Family::v4}, udp, NftSourcePort{68}, NftPort{67}}, "DHCP");
    allow({NftFamily{Family::v6}, udp, NftSourcePort{546}, NftPort{547}}, "DHCP");
    for (const std::uint8_t type : kNeighbours) {
      allow({NftFamily{Family::v6}, NftIcmp6{type}}, "neighbours and routers");
    }
  }

  void names() {
    for (const std::uint16_t port : kNamePorts) {
      for (const std::uint8_t protocol : {kUdp, kTcp}) {
        refuse({NftProtocol{protocol}, NftPort{port}}, "look-up past the tunnel");
      }
    }
  }

  void rest() {
    const NftLog log{"vpnd " + wall_.interface + " refused: ", kLinesAMinute};
    for (const Prefix& p : wall_.guarded) {
      Matches matches;
      if (p.length == 0) {
        matches.emplace_back(NftFamily{p.address.family()});
      } else {
        matches.emplace_back(to(p));
      }
      if (decides()) out_.rules.push_back({matches, false, log, "told in the log"});
      refuse(matches, "past the tunnel");
    }
  }

  const Wall& wall_;
  NftChain out_;
};

const Address* resolver(const Wall& wall, Family family) {
  for (const Address& a : wall.resolvers) {
    if (a.family() == family) return &a;
  }
  return nullptr;
}

// The host's own look-ups that would go past the tunnel.
NftChain own_names(const Wall& wall) {
  NftChain chain{"vpn_dns", NftChain::Hook::output, kPriorityDstnat, NftChain::Type::nat, {}};
  const NftMark not_ours{true, static_cast<std::uint32_t>(wall.mark)};
  for (const Family family : {Family::v4, Family::v6}) {
    const Address* there = resolver(wall, family);
    if (there == nullptr) continue;
    for_lookups(chain, {not_out("lo"), not_out(wall.interface), not_ours, NftFamily{family}},
                NftRedirect{*there, kDns}, "look-ups into the tunnel");
  }
  return chain;
}

// Those of containers and virtual machines, when they ask a resolver of the local network.
NftChain others_names(const Wall& wall) {
  NftChain chain{
      "vpn_dns_fwd", NftChain::Hook::prerouting, kPriorityDstnat, NftChain::Type::nat, {}};
  for (const Wall::Local& local : wall.local) {
    const Address* there = resolver(wall, local.prefix.address.family());
    if (there == nullptr || local.interface.empty()) continue;
    for_lookups(chain, {not_in(wall.interface), not_in(local.interface), to(local.prefix)},
                NftRedirect{*there, kDns}, "look-ups into the tunnel");
  }
  return chain;
}

}  // namespace

std::string wall_name(const std::string& interface) {
  return table_name(interface) + "_wall";
}

NftTable render(const Wall& wall) {
  using Hook = NftChain::Hook;
  NftTable table{NftTable::Kind::inet, wall_name(wall.interface), {}};
  const auto chain = [&](const char* name, Hook hook, std::int32_t priority) {
    table.chains.push_back(Chain(wall, {name, hook, priority, NftChain::Type::filter, {}}).run());
  };
  chain("vpn_post", Hook::postrouting, kPriorityDecide);
  chain("vpn_out", Hook::output, kPriorityPolite);
  chain("vpn_through", Hook::forward, kPriorityPolite);
  if (wall.keep_inbound) keep_inbound(table, wall.interface, wall.mark);
  if (!wall.resolvers.empty()) {
    table.chains.push_back(own_names(wall));
    table.chains.push_back(others_names(wall));
  }
  return table;
}

}  // namespace vpnd::nl
