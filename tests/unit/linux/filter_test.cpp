// SPDX-License-Identifier: ISC
#include "linux/filter.h"

#include <criterion/criterion.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace vpnd;
using namespace vpnd::nl;

namespace {

Address addr(const char* text) {
  return *Address::parse(text);
}
Prefix prefix(const char* text) {
  return *Prefix::parse(text);
}

FilterTable server() {
  FilterTable t;
  t.interface = "vpn0";
  t.shielded = {addr("10.9.0.254"), addr("fd09::254")};
  t.clamp_mss = true;
  t.pool_v4 = prefix("10.9.0.0/24");
  t.pool_v6 = prefix("fd09::/64");
  t.masquerade = true;
  t.isolate = true;
  t.server_lan = {prefix("10.20.0.9/32")};
  t.server_private = {prefix("10.20.0.0/24")};
  return t;
}

FilterTable client() {
  FilterTable t;
  t.interface = "vpn3";
  t.shielded = {addr("10.9.0.2")};
  return t;
}

const NftChain* chain(const std::vector<NftTable>& tables, const std::string& name) {
  for (const NftTable& table : tables)
    for (const NftChain& c : table.chains)
      if (c.name == name) return &c;
  return nullptr;
}

std::vector<std::string> lines(const std::vector<NftTable>& tables, const std::string& name) {
  std::vector<std::string> out;
  const NftChain* c = chain(tables, name);
  cr_assert(c != nullptr, "no chain %s", name.c_str());
  for (const NftRule& rule : c->rules) out.push_back(text(rule));
  return out;
}

// Its place in the chain, or the chain's size.
std::size_t place(const std::vector<std::string>& in, const std::string& line) {
  return static_cast<std::size_t>(std::find(in.begin(), in.end(), line) - in.begin());
}

bool has(const std::vector<std::string>& in, const std::string& line) {
  return place(in, line) < in.size();
}

}  // namespace

Test(filter, tables_bear_the_interface) {
  const auto tables = render(server());
  cr_assert_eq(tables.size(), 2u);
  cr_assert_eq(tables[0].kind, NftTable::Kind::inet);
  cr_assert_eq(tables[1].kind, NftTable::Kind::arp);
  for (const NftTable& table : tables) cr_assert_eq(table.name, "vpnd_vpn0");
}

Test(filter, chains_have_a_prefix_and_their_place) {
  const auto tables = render(server());
  for (const NftTable& table : tables)
    for (const NftChain& c : table.chains) cr_assert(c.name.starts_with("vpn_"));
  const NftChain* raw = chain(tables, "vpn_raw");
  cr_assert(raw != nullptr && raw->hook == NftChain::Hook::prerouting && raw->priority == -300);
  const NftChain* snat = chain(tables, "vpn_snat");
  cr_assert(snat != nullptr && snat->hook == NftChain::Hook::postrouting &&
            snat->type == NftChain::Type::nat);
  cr_assert_eq(snat->priority, 100);
}

Test(filter, a_shielded_address_is_for_its_device_or_the_host_itself) {
  const auto raw = lines(render(client()), "vpn_raw");
  cr_assert(has(raw, "iifname != \"vpn3\" ip daddr 10.9.0.2 fib saddr type != local counter drop"));
  const auto both = lines(render(server()), "vpn_raw");
  cr_assert(
      has(both, "iifname != \"vpn0\" ip6 daddr fd09::254 fib saddr type != local counter drop"));
}

Test(filter, a_client_takes_what_is_for_it_and_not_from_itself) {
  const auto raw = lines(render(client()), "vpn_raw");
  const auto from_self = place(raw, "iifname \"vpn3\" ip saddr 10.9.0.2 counter drop");
  const auto to_self = place(raw, "iifname \"vpn3\" ip daddr 10.9.0.2 counter accept");
  const auto rest = place(raw, "iifname \"vpn3\" meta nfproto ipv4 counter drop");
  cr_assert_lt(from_self, to_self);
  cr_assert_lt(to_self, rest);
  cr_assert_lt(rest, raw.size());
  // Without an address of that family there is nothing to compare with.
  cr_assert(!has(raw, "iifname \"vpn3\" meta nfproto ipv6 counter drop"));
}

Test(filter, a_client_translates_and_forwards_nothing) {
  const auto tables = render(client());
  cr_assert_null(chain(tables, "vpn_snat"));
  cr_assert_null(chain(tables, "vpn_fwd"));
  cr_assert_null(chain(tables, "vpn_in"));
  cr_assert_null(chain(tables, "vpn_mss"));
}

// Before any translation, so that look-ups that are relayed and pings of the server count as well.
Test(filter, connections_are_counted_by_client_and_family) {
  FilterTable t = server();
  cr_assert_null(chain(render(t), "vpn_count"));
  t.connections = 100;
  const auto tables = render(t);
  const NftChain* c = chain(tables, "vpn_count");
  cr_assert(c != nullptr && c->hook == NftChain::Hook::prerouting && c->priority == -150);
  const auto rules = lines(tables, "vpn_count");
  cr_assert_eq(rules.size(), 2u);
  cr_assert_eq(
      rules[0],
      "iifname \"vpn0\" ct status ! confirmed add @vpn_count4 { ip saddr ct count over 100 } "
      "counter drop");
  cr_assert_eq(
      rules[1],
      "iifname \"vpn0\" ct status ! confirmed add @vpn_count6 { ip6 saddr ct count over 100 } "
      "counter drop");
  cr_assert_eq(tables[0].sets.size(), 2u);
  for (const NftSet& set : tables[0].sets) cr_assert_eq(set.size, 256u);
  t.pool_v4 = prefix("10.0.0.0/8");
  cr_assert_eq(render(t)[0].sets[0].size, 65536u);
  t.pool_v6.reset();
  cr_assert_eq(render(t)[0].sets.size(), 1u);
  FilterTable own = client();
  own.connections = 100;  // a client's own are its own affair
  cr_assert_null(chain(render(own), "vpn_count"));
}

Test(filter, sources_come_from_the_pool) {
  FilterTable t = server();
  auto raw = lines(render(t), "vpn_raw");
  cr_assert(has(raw, "iifname \"vpn0\" ip saddr != 10.9.0.0/24 counter drop"));
  cr_assert(has(raw, "iifname \"vpn0\" ip6 saddr != fd09::/64 counter drop"));
  t.pool_v6.reset();
  raw = lines(render(t), "vpn_raw");
  cr_assert(has(raw, "iifname \"vpn0\" meta nfproto ipv6 counter drop"));
}

Test(filter, arp_is_silent_about_v4_addresses_only) {
  cr_assert_eq(lines(render(server()), "vpn_arp").size(), 1u);
  FilterTable t = client();
  t.shielded = {addr("fd09::2")};
  cr_assert_eq(render(t).size(), 1u);
}

Test(filter, the_private_network_comes_after_what_is_opened) {
  const auto fwd = lines(render(server()), "vpn_fwd");
  const auto between = place(fwd, "iifname \"vpn0\" oifname \"vpn0\" counter drop");
  const auto opened = place(fwd, "iifname \"vpn0\" ip daddr 10.20.0.9 counter accept");
  const auto closed = place(fwd, "iifname \"vpn0\" ip daddr 10.20.0.0/24 counter drop");
  const auto others = place(fwd, "iifname \"vpn0\" counter accept");
  cr_assert_eq(between, 0u);
  cr_assert_lt(opened, closed);
  cr_assert_lt(closed, others);
  cr_assert_lt(others, fwd.size());
  cr_assert(has(fwd, "iifname \"vpn0\" ip daddr 169.254.0.0/16 counter drop"));
  cr_assert(has(fwd, "iifname \"vpn0\" ip daddr 127.0.0.0/8 counter drop"));
  cr_assert(has(fwd, "iifname \"vpn0\" ip6 daddr fe80::/10 counter drop"));
}

Test(filter, only_answers_go_to_clients) {
  const auto fwd = lines(render(server()), "vpn_fwd");
  cr_assert_geq(fwd.size(), 2u);
  cr_assert_eq(fwd[fwd.size() - 2], "oifname \"vpn0\" ct state established,related counter accept");
  cr_assert_eq(fwd.back(), "oifname \"vpn0\" counter drop");
}

Test(filter, nothing_passes_between_devices_that_did_not_forward) {
  FilterTable t = server();
  t.apart_v4 = {"eth0", "br1"};
  t.apart_v6 = {"eth0"};
  t.bridges = {"br1"};
  const auto fwd = lines(render(t), "vpn_fwd");
  const std::vector<std::string> expected = {
      "oifname \"vpn0\" counter drop",
      "iifname \"br1\" oifname \"br1\" counter accept",
      "meta nfproto ipv4 oifname != \"eth0\" oifname != \"br1\" counter accept",
      "iifname \"eth0\" meta nfproto ipv4 counter drop",
      "iifname \"br1\" meta nfproto ipv4 counter drop",
      "meta nfproto ipv6 oifname != \"eth0\" counter accept",
      "iifname \"eth0\" meta nfproto ipv6 counter drop"};
  cr_assert_geq(fwd.size(), expected.size());
  const std::vector<std::string> last(fwd.end() - static_cast<long>(expected.size()), fwd.end());
  for (std::size_t i = 0; i < expected.size(); ++i)
    cr_assert_eq(last[i], expected[i], "%s", last[i].c_str());
}

Test(filter, too_many_devices_for_one_rule_are_closed_altogether) {
  FilterTable t = server();
  for (int i = 0; i < 61; ++i) t.apart_v4.push_back("eth" + std::to_string(i));
  const auto drops = [&t] {
    const auto fwd = lines(render(t), "vpn_fwd");
    const auto after = place(fwd, "oifname \"vpn0\" counter drop") + 1;
    for (std::size_t i = after; i < fwd.size(); ++i)
      if (!fwd[i].ends_with("drop")) return std::size_t{0};
    return fwd.size() - after;
  };
  cr_assert_eq(drops(), 61u);
  t.apart_v4.pop_back();
  cr_assert_eq(drops(), 0u, "there is room for an accept again");
}

Test(filter, the_input_chain_ends_in_a_drop) {
  const auto in = lines(render(server()), "vpn_in");
  cr_assert_eq(in.size(), 4u);
  cr_assert_eq(in.front(), "iifname \"vpn0\" ct state established,related counter accept");
  cr_assert_eq(in.back(), "iifname \"vpn0\" counter drop");
}

Test(filter, isolation_is_a_switch) {
  FilterTable t = server();
  t.isolate = false;
  const auto fwd = lines(render(t), "vpn_fwd");
  cr_assert_eq(fwd.front(), "iifname \"vpn0\" oifname \"vpn0\" counter accept");
}

Test(filter, ports_need_a_protocol_first) {
  for (const bool external : {false, true}) {
    FilterTable t = server();
    if (external) t.external = addr("203.0.113.7");
    const auto tables = render(t);
    const NftChain* snat = chain(tables, "vpn_snat");
    cr_assert(snat != nullptr);
    cr_assert_eq(snat->rules.size(), 6u);
    for (const NftRule& rule : snat->rules) {
      const bool protocol =
          std::any_of(rule.matches.begin(), rule.matches.end(),
                      [](const NftMatch& m) { return std::holds_alternative<NftProtocol>(m); });
      cr_assert_eq(std::get<NftTranslate>(rule.action).ports.has_value(), protocol);
    }
  }
}

Test(filter, an_external_address_is_for_its_family) {
  FilterTable t = server();
  t.external = addr("203.0.113.7");
  const auto nat = lines(render(t), "vpn_snat");
  const std::string leaving = "oifname != \"lo\" oifname != \"vpn0\" ";
  cr_assert(has(nat, leaving + "ip saddr 10.9.0.0/24 meta l4proto tcp counter "
                               "snat ip to 203.0.113.7:20000-60999 fully-random"));
  cr_assert(has(nat, leaving + "ip saddr 10.9.0.0/24 counter snat ip to 203.0.113.7"));
  cr_assert(has(nat, leaving + "ip6 saddr fd09::/64 meta l4proto udp counter "
                               "masquerade to :20000-60999 fully-random"));
  cr_assert(has(nat, leaving + "ip6 saddr fd09::/64 counter masquerade"));
}

Test(filter, comments_fit) {
  FilterTable apart = server();
  apart.apart_v4 = apart.bridges = {"fifteenlettersx"};
  for (const FilterTable& t : {server(), client(), apart})
    for (const NftTable& table : render(t))
      for (const NftChain& c : table.chains)
        for (const NftRule& rule : c.rules) {
          cr_assert(!rule.comment.empty());
          cr_assert_lt(rule.comment.size(), 128u);
        }
}
