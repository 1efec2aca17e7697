// SPDX-License-Identifier: ISC
#include "linux/filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "linux/filter_words.h"

namespace vpnd::nl {
namespace {

using namespace words;

constexpr std::int32_t kPriorityRaw = -300;
constexpr std::int32_t kPriorityMangle = -150;
constexpr std::int32_t kPriorityFilter = 0;
constexpr std::int32_t kPrioritySrcnat = 100;
// A match is two expressions, and a rule holds 128 (NFT_RULE_MAXEXPRS, linux/netfilter).
constexpr std::size_t kNamesInRule = 60;
constexpr unsigned kMostCountedBits = 16;  // clients whose connections are counted

// Never anybody's business through a tunnel: the host itself, its link, and the addresses where
// clouds hand out credentials to whoever asks from inside a machine.
constexpr std::array kForbidden{
    "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "100.100.100.200/32", "168.63.129.16/32",
    "::1/128",   "fe80::/10",   "::ffff:0:0/96",  "fd00:ec2::/32",      "fd20:ce::/32"};

bool is_server(const FilterTable& t) {
  return t.pool_v4 || t.pool_v6;
}

// A client's source is one of its pool; a family without a pool has no business in the tunnel.
void only_the_pool(const FilterTable& t, NftChain& chain) {
  for (const auto& [family, pool] :
       {std::pair{Family::v4, t.pool_v4}, std::pair{Family::v6, t.pool_v6}}) {
    if (pool)
      chain.rules.push_back(drop({in(t.interface), not_from(*pool)}, "source outside the pool"));
    else
      chain.rules.push_back(drop({in(t.interface), NftFamily{family}}, "family without a pool"));
  }
}

// What a server sends a client is for the client's own address.
void only_our_own(const FilterTable& t, NftChain& chain) {
  for (const Family family : {Family::v4, Family::v6}) {
    bool any = false;
    for (const Address& own : t.shielded) {
      if (own.family() != family) continue;
      any = true;
      chain.rules.push_back(accept({in(t.interface), to(Prefix::host(own))}, "for our address"));
    }
    if (any)
      chain.rules.push_back(
          drop({in(t.interface), NftFamily{family}}, "not for an address of ours"));
  }
}

NftChain raw_chain(const FilterTable& t) {
  NftChain chain{"vpn_raw", NftChain::Hook::prerouting, kPriorityRaw, NftChain::Type::filter, {}};
  for (const Address& own : t.shielded)
    chain.rules.push_back(drop({not_in(t.interface), to(Prefix::host(own)), NftSourceNotLocal{}},
                               "the tunnel's address, from outside the tunnel"));
  for (const Address& own : t.shielded)
    chain.rules.push_back(
        drop({in(t.interface), from(Prefix::host(own))}, "our own address as a source"));
  if (is_server(t))
    only_the_pool(t, chain);
  else
    only_our_own(t, chain);
  return chain;
}

NftChain mss_chain(const FilterTable& t) {
  NftChain chain{"vpn_mss", NftChain::Hook::forward, kPriorityMangle, NftChain::Type::filter, {}};
  for (const NftDevice& device : {out(t.interface), in(t.interface)})
    chain.rules.push_back({{device, NftSyn{}}, false, NftClampMss{}, "segments that fit"});
  return chain;
}

// What leaves by a device that came later, a bridge of containers or another tunnel, is the affair
// of who brought it. One rule holds so many names; with more the first one stays out, and these
// devices are closed as well.
void keep_apart(const std::vector<std::string>& devices, Family family, NftChain& chain) {
  if (!devices.empty() && devices.size() <= kNamesInRule) {
    std::vector<NftMatch> elsewhere{NftFamily{family}};
    for (const std::string& name : devices) elsewhere.push_back(not_out(name));
    chain.rules.push_back(accept(std::move(elsewhere), "to devices that came later or forwarded"));
  }
  for (const std::string& name : devices) {
    chain.rules.push_back(drop({in(name), NftFamily{family}}, "did not forward before: " + name));
  }
}

// Before everything that closes networks of the server, in one of which a resolver usually is.
void open_resolvers(const FilterTable& t, NftChain& chain) {
  for (const Address& there : t.resolvers)
    for_lookups(chain, {in(t.interface), to(Prefix::host(there))}, NftAccept{},
                "look-ups of clients");
}

NftChain relay_chain(const FilterTable& t) {
  NftChain chain{"vpn_dns", NftChain::Hook::prerouting, kPriorityDstnat, NftChain::Type::nat, {}};
  for (const auto& [ours, theirs] : t.relayed)
    for_lookups(chain, {in(t.interface), to(Prefix::host(ours))}, NftRedirect{theirs, kDns},
                "look-ups of clients");
  return chain;
}

// Containers and virtual machines behind a client, and its own look-ups that had chosen the address
// of another device before they were redirected.
NftChain client_nat_chain(const FilterTable& t) {
  NftChain chain{"vpn_snat", NftChain::Hook::postrouting, kPrioritySrcnat, NftChain::Type::nat, {}};
  for (const Address& own : t.shielded) {
    const std::vector<NftMatch> other{out(t.interface), not_from(Prefix::host(own))};
    for (const NftMatch& why : {NftMatch{NftRedirected{}}, NftMatch{NftSourceNotLocal{}}}) {
      std::vector<NftMatch> matches = other;
      matches.push_back(why);
      chain.rules.push_back({std::move(matches), true, NftTranslate{}, "under our address"});
    }
  }
  return chain;
}

NftChain forward_chain(const FilterTable& t) {
  NftChain chain{"vpn_fwd", NftChain::Hook::forward, kPriorityFilter, NftChain::Type::filter, {}};
  const std::string& tun = t.interface;
  open_resolvers(t, chain);
  const std::vector<NftMatch> between{in(tun), out(tun)};
  chain.rules.push_back(t.isolate ? drop(between, "from one client to another")
                                  : accept(between, "from one client to another"));
  for (const Prefix& lan : t.server_lan)
    chain.rules.push_back(accept({in(tun), to(lan)}, "opened by server_lan"));
  for (const char* text : kForbidden)
    chain.rules.push_back(drop({in(tun), to(*Prefix::parse(text))}, "never through the tunnel"));
  for (const Prefix& lan : t.server_private)
    chain.rules.push_back(drop({in(tun), to(lan)}, "the server's own network"));
  chain.rules.push_back(accept({in(tun)}, "from clients"));
  chain.rules.push_back(accept({out(tun), NftEstablished{}}, "answers to clients"));
  chain.rules.push_back(drop({out(tun)}, "not asked for by a client"));
  for (const std::string& name : t.bridges)
    chain.rules.push_back(accept({in(name), out(name)}, "within one bridge: " + name));
  keep_apart(t.apart_v4, Family::v4, chain);
  keep_apart(t.apart_v6, Family::v6, chain);
  return chain;
}

NftChain input_chain(const FilterTable& t) {
  NftChain chain{"vpn_in", NftChain::Hook::input, kPriorityFilter, NftChain::Type::filter, {}};
  const std::string& tun = t.interface;
  open_resolvers(t, chain);
  chain.rules.push_back(accept({in(tun), NftEstablished{}}, "answers to the server"));
  for (const Family family : {Family::v4, Family::v6})
    chain.rules.push_back(accept({in(tun), NftEchoRequest{family}}, "ping"));
  chain.rules.push_back(drop({in(tun)}, "the server is not for its clients"));
  return chain;
}

// Every connection of a client takes a place in the one table of connections of this host. Counted
// are those that begin while the rules are there, whatever becomes of them further on.
void count_connections(const FilterTable& t, NftTable& table) {
  // A client has one address of each family, and the kernel makes room for the whole size.
  const unsigned free_bits = t.pool_v4 ? t.pool_v4->address.bits() - t.pool_v4->length : 32u;
  const std::uint32_t most = 1u << std::min(free_bits, kMostCountedBits);
  NftChain chain{
      "vpn_count", NftChain::Hook::prerouting, kPriorityMangle, NftChain::Type::filter, {}};
  for (const auto& [family, set] :
       {std::pair{Family::v4, "vpn_count4"}, std::pair{Family::v6, "vpn_count6"}}) {
    if (!(family == Family::v4 ? t.pool_v4 : t.pool_v6)) continue;
    table.sets.push_back({set, family, most});
    chain.rules.push_back(
        drop({in(t.interface), NftFirst{}, NftConnectionsOver{family, set, t.connections}},
             "too many connections of one client"));
  }
  table.chains.push_back(std::move(chain));
}

NftChain nat_chain(const FilterTable& t) {
  NftChain chain{"vpn_snat", NftChain::Hook::postrouting, kPrioritySrcnat, NftChain::Type::nat, {}};
  for (const auto& pool : {t.pool_v4, t.pool_v6}) {
    if (!pool) continue;
    NftTranslate plain;
    if (t.external && t.external->family() == pool->address.family()) plain.to = t.external;
    NftTranslate ranged = plain;
    ranged.ports.emplace(kNatPortMin, kNatPortMax);
    const std::vector<NftMatch> leaving{not_out("lo"), not_out(t.interface), from(*pool)};
    for (const std::uint8_t protocol : {kTcp, kUdp}) {
      std::vector<NftMatch> matches = leaving;
      matches.push_back(NftProtocol{protocol});
      chain.rules.push_back({std::move(matches), true, ranged, "clients to elsewhere"});
    }
    chain.rules.push_back({leaving, true, plain, "clients to elsewhere"});
  }
  return chain;
}

}  // namespace

std::string table_name(const std::string& interface) {
  return "vpnd_" + interface;
}

std::vector<NftTable> render(const FilterTable& t) {
  std::vector<NftTable> tables{{NftTable::Kind::inet, table_name(t.interface), {}}};
  std::vector<NftChain>& chains = tables.front().chains;
  chains.push_back(raw_chain(t));
  if (t.clamp_mss) chains.push_back(mss_chain(t));
  if (is_server(t)) {
    chains.push_back(forward_chain(t));
    chains.push_back(input_chain(t));
    if (t.connections != 0) count_connections(t, tables.front());
    if (t.masquerade) chains.push_back(nat_chain(t));
    if (!t.relayed.empty()) chains.push_back(relay_chain(t));
  } else if (t.masquerade_others) {
    chains.push_back(client_nat_chain(t));
  }
  if (t.keep_inbound) keep_inbound(tables.front(), t.interface, *t.keep_inbound);
  // Linux answers ARP for any of its addresses on any device.
  NftChain arp{"vpn_arp", NftChain::Hook::arp_input, kPriorityFilter, NftChain::Type::filter, {}};
  for (const Address& own : t.shielded)
    if (own.is_v4())
      arp.rules.push_back(
          drop({not_in(t.interface), to(Prefix::host(own))}, "nobody's business on this link"));
  if (!arp.rules.empty())
    tables.push_back({NftTable::Kind::arp, table_name(t.interface), {std::move(arp)}});
  return tables;
}

}  // namespace vpnd::nl
