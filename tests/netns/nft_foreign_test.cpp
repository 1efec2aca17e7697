// SPDX-License-Identifier: ISC
// Beside somebody else's firewall that drops what it does not know.

#include "core/base/error.h"
#include "tests/netns/nft_lab.h"

using namespace vpnd;
using namespace vpnd::nl;
using lab::Ns;
using lab::Probe;
using lab::World;

namespace {

void need_iptables() {
  lab::need_namespaces();
  const Ns ns;
  if (!ns.quiet("iptables-nft -S")) cr_skip_test("needs iptables-nft");
}

ForeignAccept accept_in(const char* chain, Family family = Family::v4) {
  return {family, false, "filter", chain, "vpn0"};
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

constexpr const char* kIn = "-A FORWARD -i vpn0 -j ACCEPT";
constexpr const char* kOut = "-A FORWARD -o vpn0 -j ACCEPT";

}  // namespace

TestSuite(netns_nft_foreign, .init = need_iptables);

Test(netns_nft_foreign, forwarding_works_again_and_iptables_still_reads_its_chain) {
  World w;
  lab::must(w.server, "iptables-nft -P FORWARD DROP; ip6tables-nft -P FORWARD DROP");
  NftSocket nft = w.server.nft();
  install(nft, World::table());
  const Probe v4{w.client, "10.9.0.2", w.internet, "203.0.113.9"};
  const Probe v6{w.client, "fd09::2", w.internet, "2001:db8::9"};
  cr_assert(!lab::datagram(v4).has_value());
  cr_assert(!lab::datagram(v6).has_value());
  const std::string before = w.server.out("iptables-nft -S; ip6tables-nft -S");
  const auto chains = forward_drop_chains(nft);
  cr_assert_eq(chains.size(), 2u);
  std::vector<ForeignAccept> accepts;
  for (const auto& chain : chains) {
    cr_assert(!chain.owned && !chain.inet);
    cr_assert_eq(chain.table, "filter");
    cr_assert_eq(chain.chain, "FORWARD");
    accepts.push_back({chain.family, chain.inet, chain.table, chain.chain, "vpn0"});
    cr_assert(!present(nft, accepts.back()));
    insert(nft, accepts.back());
    cr_assert(present(nft, accepts.back()));
  }
  cr_assert_neq(accepts[0].family, accepts[1].family);
  cr_assert(lab::datagram(v4).has_value());
  cr_assert(lab::datagram(v6).has_value());
  // Answers come back by the second rule.
  cr_assert(lab::pings(w.client, "203.0.113.9"));
  const std::string listing = w.server.out("iptables-nft -S");
  cr_assert(contains(listing, "-i vpn0") && contains(listing, "-o vpn0"), "%s", listing.c_str());
  cr_assert(w.server.quiet("iptables-nft -A FORWARD -i wan0 -j DROP"));
  cr_assert(w.server.quiet("iptables-nft -D FORWARD -i wan0 -j DROP"));
  // Isolation holds: the foreign accept ends the foreign chain only.
  cr_assert(!lab::datagram({w.client, "10.9.0.2", w.other, "10.9.0.3"}).has_value());
  for (const ForeignAccept& a : accepts) cr_assert(remove(nft, a));
  cr_assert_eq(w.server.out("iptables-nft -S; ip6tables-nft -S"), before);
  cr_assert(!lab::datagram(v4).has_value());
}

Test(netns_nft_foreign, inserting_twice_makes_one_pair) {
  const Ns ns;
  lab::must(ns, "iptables-nft -P FORWARD DROP; iptables-nft -A FORWARD -i eth9 -j DROP");
  NftSocket nft = ns.nft();
  const std::string before = ns.out("iptables-nft -S");
  insert(nft, accept_in("FORWARD"));
  insert(nft, accept_in("FORWARD"));
  const std::string listing = ns.out("nft -s list chain ip filter FORWARD");
  const std::size_t first = listing.find("iifname \"vpn0\" counter accept");
  cr_assert_neq(first, std::string::npos);
  cr_assert_eq(listing.find("iifname \"vpn0\" counter accept", first + 1), std::string::npos);
  cr_assert_lt(first, listing.find("eth9"));  // at the head
  cr_assert_eq(our_foreign_accepts(nft, "").size(), 1u);
  cr_assert_eq(our_foreign_accepts(nft, "vpn0").size(), 1u);
  cr_assert(our_foreign_accepts(nft, "vpn1").empty());
  cr_assert(our_foreign_accepts(nft, "").front() == accept_in("FORWARD"));
  cr_assert(remove(nft, accept_in("FORWARD")));
  cr_assert_eq(ns.out("iptables-nft -S"), before);
  cr_assert(remove(nft, accept_in("FORWARD")));
}

Test(netns_nft_foreign, the_users_chain_of_docker_is_preferred) {
  const Ns ns;
  lab::must(ns,
            "iptables-nft -P FORWARD DROP; iptables-nft -N DOCKER-USER;"
            "iptables-nft -A DOCKER-USER -j RETURN; iptables-nft -A INPUT -j DOCKER-USER");
  NftSocket nft = ns.nft();
  // No forwarded packet gets there: a rule in it would do nothing.
  insert(nft, accept_in("FORWARD"));
  cr_assert_eq(our_foreign_accepts(nft, "").front().chain, "FORWARD");
  cr_assert(remove(nft, accept_in("FORWARD")));
  lab::must(ns, "iptables-nft -I FORWARD -j DOCKER-USER");
  insert(nft, accept_in("FORWARD"));
  cr_assert(present(nft, accept_in("FORWARD")));
  const auto ours = our_foreign_accepts(nft, "");
  cr_assert_eq(ours.size(), 1u);
  cr_assert_eq(ours.front().chain, "DOCKER-USER");
  const std::string listing = ns.out("iptables-nft -S DOCKER-USER");
  cr_assert_lt(listing.find("-i vpn0"), listing.find("RETURN"));
  cr_assert(remove(nft, accept_in("FORWARD")));
  cr_assert(!present(nft, accept_in("FORWARD")));
  cr_assert(!contains(ns.out("iptables-nft -S"), "vpn0"));
}

Test(netns_nft_foreign, found_again_after_save_and_restore) {
  const Ns ns;
  lab::must(ns, "iptables-nft -P FORWARD DROP");
  NftSocket nft = ns.nft();
  insert(nft, accept_in("FORWARD"));
  lab::must(ns, "iptables-nft-save | iptables-nft-restore");
  cr_assert(contains(ns.out("iptables-nft -S"), "vpn0"));
  cr_assert(present(nft, accept_in("FORWARD")));
  cr_assert_eq(our_foreign_accepts(nft, "").size(), 1u);
  cr_assert(remove(nft, accept_in("FORWARD")));
  cr_assert(!contains(ns.out("iptables-nft -S"), "vpn0"));
}

Test(netns_nft_foreign, found_by_content_when_the_comment_is_lost) {
  const Ns ns;
  lab::must(ns, "iptables-nft -P FORWARD DROP");
  NftSocket nft = ns.nft();
  insert(nft, accept_in("FORWARD"));
  lab::must(ns,
            "iptables-nft-save | sed 's/-m comment --comment \"[^\"]*\"//' | iptables-nft-restore");
  cr_assert(our_foreign_accepts(nft, "").empty());
  cr_assert(contains(ns.out("iptables-nft -S"), kIn));
  cr_assert(remove(nft, accept_in("FORWARD")));
  cr_assert(!contains(ns.out("iptables-nft -S"), "vpn0"));
}

Test(netns_nft_foreign, rules_of_the_administrator_stay) {
  const Ns ns;
  lab::must(ns, std::string("iptables-nft -P FORWARD DROP; iptables-nft ") + kIn +
                    "; iptables-nft " + kOut +
                    "; iptables-nft -A FORWARD -i vpn0 -s 10.0.0.1 -j ACCEPT"
                    "; iptables-nft -I FORWARD -i vpn0+ -j ACCEPT"
                    "; iptables-nft -A FORWARD -i vpn0 -j DROP");
  const std::string before = ns.out("iptables-nft -S");
  NftSocket nft = ns.nft();
  cr_assert(our_foreign_accepts(nft, "").empty());
  insert(nft, accept_in("FORWARD"));
  cr_assert(remove(nft, accept_in("FORWARD")));
  cr_assert_eq(ns.out("iptables-nft -S"), before);
  // By content at most one rule in each direction goes, and none that looks at more.
  cr_assert(remove(nft, accept_in("FORWARD")));
  const std::string after = ns.out("iptables-nft -S");
  cr_assert(contains(after, "-s 10.0.0.1/32 -i vpn0 -j ACCEPT"));
  cr_assert(contains(after, "-i vpn0+ -j ACCEPT"));
  cr_assert(contains(after, "-i vpn0 -j DROP"));
}

Test(netns_nft_foreign, only_dropping_forward_chains_of_others_are_listed) {
  const Ns ns;
  lab::must(ns,
            "nft add table inet fw; nft add table ip quiet; nft add table inet late;"
            "nft 'add chain inet fw f { type filter hook forward priority 0; policy drop; }';"
            "nft 'add chain inet fw i { type filter hook input priority 0; policy drop; }';"
            "nft 'add chain ip quiet f { type filter hook forward priority 0; }';"
            "nft add chain inet late f;"
            "nft 'table inet vpnd_vpn0 { comment \"vpnd tunnel vpn0\"; chain vpn_f {"
            " type filter hook forward priority 0; policy drop; }; }'");
  NftSocket nft = ns.nft();
  const auto chains = forward_drop_chains(nft);
  cr_assert_eq(chains.size(), 1u);
  cr_assert(chains[0].inet && !chains[0].owned);
  cr_assert_eq(chains[0].table, "fw");
  cr_assert_eq(chains[0].chain, "f");
  const ForeignAccept accept{Family::v4, true, "fw", "f", "vpn0"};
  insert(nft, accept);
  cr_assert(present(nft, accept));
  cr_assert(our_foreign_accepts(nft, "").front() == accept);
  cr_assert(remove(nft, accept));
  cr_assert(!present(nft, accept));
}

Test(netns_nft_foreign, a_table_with_an_owner_is_named_and_left) {
  const Ns ns;
  NftSocket nft = ns.nft();
  if (!support(nft).owner) cr_skip_test("needs Linux 5.12");
  FILE* owner = nullptr;
  ns.in([&] { owner = popen("nft -i >/dev/null", "w"); });
  cr_assert(owner != nullptr);
  fputs(
      "add table inet firewalld { flags owner; }\n"
      "add chain inet firewalld f { type filter hook forward priority 0; policy drop; }\n",
      owner);
  fflush(owner);
  std::vector<HostFacts::DropChain> chains;
  for (int i = 0; i < 50 && chains.empty(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    chains = forward_drop_chains(nft);
  }
  cr_assert_eq(chains.size(), 1u);
  cr_assert(chains[0].owned);
  const ForeignAccept accept{Family::v4, true, "firewalld", "f", "vpn0"};
  try {
    insert(nft, accept);
    cr_assert_fail("inserted into a table with an owner");
  } catch (const Error& e) {
    cr_assert_eq(e.code(), Exit::permission);
    cr_assert(contains(e.what(), "firewalld"), "%s", e.what());
    cr_assert(!e.remedy().empty());
  }
  pclose(owner);
}

Test(netns_nft_foreign, a_chain_that_is_gone_is_an_error_by_name) {
  const Ns ns;
  NftSocket nft = ns.nft();
  try {
    insert(nft, accept_in("FORWARD"));
    cr_assert_fail("inserted into nothing");
  } catch (const Error& e) {
    cr_assert(contains(e.what(), "add rule ip filter FORWARD"), "%s", e.what());
  }
  cr_assert(remove(nft, accept_in("FORWARD")));
  cr_assert(!present(nft, accept_in("FORWARD")));
}
