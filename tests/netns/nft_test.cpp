// SPDX-License-Identifier: ISC
// Our tables as the kernel and the nft command see them: batches, ownership, other people's tables.

#include <signal.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdio>
#include <set>
#include <utility>

#include "core/base/error.h"
#include "linux/filter.h"
#include "linux/nft_batch.h"
#include "tests/netns/nft_lab.h"

using namespace vpnd;
using namespace vpnd::nl;
using lab::Ns;
using lab::World;

TestSuite(netns_nft, .init = lab::need_namespaces);

namespace {

FilterTable full_table() {
  FilterTable t = World::table();
  t.external = lab::addr("203.0.113.77");
  t.server_lan = {lab::prefix("10.20.0.0/20"), lab::prefix("fd20::/61")};
  return t;
}

std::string ruleset(const Ns& ns) {
  return ns.out("nft -s list ruleset");
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

template<typename F>
std::optional<Error> error_of(F&& work) {
  try {
    work();
  } catch (const Error& e) {
    return e;
  }
  return std::nullopt;
}

NftTable table_of(std::vector<NftRule> rules) {
  NftTable table{NftTable::Kind::inet, table_name("vpn0"), {}};
  table.chains.push_back(
      {"vpn_fwd", NftChain::Hook::forward, 0, NftChain::Type::filter, std::move(rules)});
  return table;
}

NftRule from_host(std::uint8_t last) {
  const Prefix host = Prefix::host(Address::v4(10, 1, 0, last));
  return {{NftAddress{NftAddress::Side::source, false, host}}, true, NftDrop{}, "one of many"};
}

NftRule refused_rule() {
  return {{}, true, NftTranslate{}, "translation outside a nat chain"};
}

// Installs in a process of its own and holds on until it is killed.
pid_t start_owner(const Ns& ns, const FilterTable& table) {
  int ready[2];
  if (pipe(ready) != 0) return -1;
  const pid_t pid = fork();
  if (pid == 0) {
    try {
      NftSocket nft = ns.nft();
      install(nft, table);
      (void)!write(ready[1], "x", 1);
      for (;;) pause();
    } catch (const Error&) {
      _exit(1);
    }
  }
  close(ready[1]);
  char byte = 0;
  const bool up = read(ready[0], &byte, 1) == 1;
  close(ready[0]);
  return up ? pid : -1;
}

void kill_owner(pid_t pid) {
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
}

}  // namespace

Test(netns_nft, nft_reads_back_what_we_meant) {
  const Ns ns;
  NftSocket nft = ns.nft();
  const FilterTable table = full_table();
  install(nft, table);
  const std::string listing = ruleset(ns);
  std::size_t rules = 0;
  for (const NftTable& t : render(table))
    for (const NftChain& chain : t.chains)
      for (const NftRule& rule : chain.rules) {
        ++rules;
        std::string line = text(rule);
        if (t.kind == NftTable::Kind::arp) line.replace(line.find("ip daddr"), 8, "arp daddr ip");
        const std::size_t mapped = line.find("::ffff:0:0/96");  // spelled in another way
        if (mapped != std::string::npos) line.replace(mapped, 13, "::ffff:0.0.0.0/96");
        line += " comment \"" + rule.comment + "\"";
        cr_assert(contains(listing, line), "%s\nis not in\n%s", line.c_str(), listing.c_str());
      }
  cr_assert_gt(rules, 30u);
  cr_assert(present(nft, table));
}

Test(netns_nft, a_listing_can_be_loaded_again) {
  const Ns ns;
  const Ns other;
  NftSocket nft = ns.nft();
  install(nft, full_table());
  // nft prints the owner's flag and then cannot read it.
  const char* list = "nft -s list ruleset | sed -e '/flags owner/d' -e 's/ #.*//' -e '/^$/d'";
  const std::string listing = ns.out(list);
  cr_assert(contains(listing, "chain vpn_snat"));
  other.in([&] {
    FILE* pipe = popen("nft -f -", "w");
    if (pipe == nullptr) return;
    fwrite(listing.data(), 1, listing.size(), pipe);
    pclose(pipe);
  });
  cr_assert_eq(other.out(list), listing);
}

Test(netns_nft, a_table_that_lost_a_rule_is_not_present) {
  const Ns ns;
  NftSocket nft = ns.nft();
  FilterTable table = full_table();
  cr_assert(!present(nft, table));
  cr_assert(!table_present(nft, "vpn0"));
  install(nft, table);
  cr_assert(present(nft, table));
  cr_assert(table_present(nft, "vpn0"));
  cr_assert(!table_present(nft, "vpn"));
  table.isolate = !table.isolate;  // other rules of as many lines are still the table's
  table.server_lan.pop_back();
  cr_assert(!present(nft, table));
}

Test(netns_nft, a_bad_rule_in_the_middle_changes_nothing) {
  const Ns ns;
  NftSocket nft = ns.nft();
  install_tables(nft, "vpn0", {table_of({from_host(1), from_host(2)})});
  const std::string before = ruleset(ns);
  cr_assert(contains(before, "10.1.0.2"));
  const auto error = error_of([&] {
    install_tables(nft, "vpn0", {table_of({from_host(3), refused_rule(), from_host(4)})});
  });
  cr_assert(error.has_value());
  cr_assert(contains(error->what(), "add rule inet vpnd_vpn0 vpn_fwd counter masquerade"), "%s",
            error->what());
  cr_assert_eq(ruleset(ns), before);
  // Nothing of that is left in the socket to confuse the next one.
  install_tables(nft, "vpn0", {table_of({from_host(5)})});
  cr_assert(contains(ruleset(ns), "10.1.0.5"));
  cr_assert(!contains(ruleset(ns), "10.1.0.2"));
}

Test(netns_nft, a_refusal_names_the_step) {
  const Ns ns;
  NftSocket nft = ns.nft();
  NftBatch batch;
  batch.add_chain(nft_family(NftTable::Kind::inet), "vpnd_none",
                  {"vpn_fwd", NftChain::Hook::forward, 0, NftChain::Type::filter, {}});
  const auto refusal = nft.send(batch);
  cr_assert(refusal.has_value());
  cr_assert_eq(refusal->errnum, ENOENT);
  cr_assert(contains(refusal->doing, "add chain inet vpnd_none vpn_fwd"));
  cr_assert(!refusal->at_start);
  cr_assert(!refusal->at_table);
}

Test(netns_nft, the_kernels_own_words_are_in_the_error) {
  utsname system{};
  int major = 0, minor = 0;
  cr_assert_eq(uname(&system), 0);
  cr_assert_eq(std::sscanf(system.release, "%d.%d", &major, &minor), 2);
  if (std::pair(major, minor) < std::pair(6, 14)) cr_skip_test("needs Linux 6.14");
  const Ns ns;
  NftSocket nft = ns.nft();
  NftBatch named;
  named.add_table(nft_family(NftTable::Kind::inet), std::string(300, 'x'), 0, "too long a name");
  const auto wordy = nft.send(named);
  cr_assert(wordy.has_value() && wordy->at_table);
  cr_assert(contains(wordy->detail, "policy"), "%s", wordy->detail.c_str());
}

Test(netns_nft, hundreds_of_rules_in_one_batch) {
  const Ns ns;
  NftSocket nft = ns.nft();
  std::vector<NftRule> rules;
  for (int i = 0; i < 600; ++i) rules.push_back(from_host(static_cast<std::uint8_t>(i % 251)));
  install_tables(nft, "vpn0", {table_of(rules)});
  const std::string count = ns.out("nft list ruleset | grep -c 'one of many'");
  cr_assert_eq(count, "600\n");
  // As many errors overflow the socket; the first is told all the same, and the next batch is not
  // harmed.
  std::vector<NftRule> bad(600, refused_rule());
  const auto error = error_of([&] { install_tables(nft, "vpn0", {table_of(bad)}); });
  cr_assert(error.has_value());
  cr_assert(contains(error->what(), "add rule inet vpnd_vpn0 vpn_fwd"), "%s", error->what());
  cr_assert_eq(ns.out("nft list ruleset | grep -c 'one of many'"), "600\n");
  install_tables(nft, "vpn0", {table_of({from_host(1)})});
  cr_assert_eq(ns.out("nft list ruleset | grep -c 'one of many'"), "1\n");
}

Test(netns_nft, removing_leaves_no_trace) {
  const Ns ns;
  NftSocket nft = ns.nft();
  lab::must(ns, "nft add table inet filter; nft add table ip vpnd_vpn0");
  const std::string before = ruleset(ns);
  install(nft, full_table());
  cr_assert_neq(ruleset(ns), before);
  cr_assert(remove_table(nft, "vpn0"));
  cr_assert_eq(ruleset(ns), before);
  cr_assert(remove_table(nft, "vpn0"));  // nothing left is what was asked for
  cr_assert(our_tables(nft).empty());
}

Test(netns_nft, the_arp_table_goes_with_its_address) {
  const Ns ns;
  NftSocket nft = ns.nft();
  FilterTable table = full_table();
  install(nft, table);
  cr_assert(contains(ruleset(ns), "table arp vpnd_vpn0"));
  table.shielded = {lab::addr("fd09::254")};
  install(nft, table);
  cr_assert(!contains(ruleset(ns), "table arp"));
}

Test(netns_nft, others_can_neither_delete_nor_flush_an_owned_table) {
  const Ns ns;
  NftSocket nft = ns.nft();
  if (!support(nft).persist) cr_skip_test("needs Linux 6.9");
  install(nft, full_table());
  cr_assert(table_owned(nft, "vpn0"));
  const std::string before = ruleset(ns);
  cr_assert(contains(ns.out("nft delete table inet vpnd_vpn0"), "Operation not permitted"));
  lab::must(ns, "nft add table inet somebody; nft flush ruleset");
  cr_assert_eq(ruleset(ns), before);
  NftSocket second = ns.nft();
  cr_assert(!table_owned(second, "vpn0"));
  const auto error = error_of([&] { install(second, full_table()); });
  cr_assert(error.has_value());
  cr_assert_eq(error->code(), Exit::temporary);
  cr_assert(!error->remedy().empty());
  cr_assert(!remove_table(second, "vpn0"));
  cr_assert_eq(ruleset(ns), before);
  cr_assert_eq(our_tables(second).size(), 1u);
  cr_assert(our_abandoned_tables(second).empty());
  cr_assert_eq(our_abandoned_tables(nft).size(), 1u);
}

Test(netns_nft, the_table_of_a_killed_owner_stays_and_is_adopted) {
  const Ns ns;
  const pid_t owner = start_owner(ns, full_table());
  cr_assert_gt(owner, 0);
  NftSocket nft = ns.nft();
  if (!support(nft).persist) {
    kill_owner(owner);
    cr_skip_test("needs Linux 6.9");
  }
  cr_assert(our_abandoned_tables(nft).empty());
  kill_owner(owner);
  cr_assert(contains(ruleset(ns), "chain vpn_snat"));
  cr_assert_eq(our_abandoned_tables(nft).size(), 1u);
  cr_assert_eq(our_abandoned_tables(nft).front(), "vpn0");
  install(nft, full_table());
  cr_assert(table_owned(nft, "vpn0"));
  cr_assert(contains(ns.out("nft delete table inet vpnd_vpn0"), "Operation not permitted"));
  cr_assert(remove_table(nft, "vpn0"));
}

Test(netns_nft, an_abandoned_table_can_be_removed_by_anybody) {
  const Ns ns;
  const pid_t owner = start_owner(ns, full_table());
  cr_assert_gt(owner, 0);
  kill_owner(owner);
  NftSocket nft = ns.nft();
  cr_assert(remove_table(nft, "vpn0"));
  cr_assert_eq(ruleset(ns), "");
}

Test(netns_nft, a_socket_that_was_kept_still_owns) {
  const Ns ns;
  NftSocket nft = ns.nft();
  if (!support(nft).persist) cr_skip_test("needs Linux 6.9");
  install(nft, full_table());
  Fd kept(fcntl(nft.fd(), F_DUPFD_CLOEXEC, 0));
  { const NftSocket gone = std::move(nft); }
  NftSocket again(std::move(kept));
  cr_assert(table_owned(again, "vpn0"));
  install(again, full_table());
  cr_assert(remove_table(again, "vpn0"));
}

Test(netns_nft, a_plain_table_of_ours_becomes_owned) {
  const Ns ns;
  lab::must(ns,
            "nft 'table inet vpnd_vpn0 { comment \"vpnd tunnel vpn0\"; }';"
            "nft add chain inet vpnd_vpn0 old");
  NftSocket nft = ns.nft();
  if (!support(nft).persist) cr_skip_test("needs Linux 6.9");
  cr_assert_eq(our_abandoned_tables(nft).size(), 1u);
  install(nft, full_table());
  cr_assert(table_owned(nft, "vpn0"));
  cr_assert(!contains(ruleset(ns), "chain old"));
}

Test(netns_nft, tables_that_only_look_like_ours_survive) {
  const Ns ns;
  lab::must(ns,
            "nft add table inet vpnd_vpn0; nft add chain inet vpnd_vpn0 theirs;"
            "nft 'table inet vpnd_vpn1 { comment \"vpnd tunnel vpn0\"; }';"
            "nft 'table inet other { comment \"vpnd tunnel other\"; }'");
  const std::string before = ruleset(ns);
  NftSocket nft = ns.nft();
  cr_assert(our_tables(nft).empty());
  const auto error = error_of([&] { install(nft, full_table()); });
  cr_assert(error.has_value());
  cr_assert_eq(error->errnum(), EEXIST);
  cr_assert(remove_table(nft, "vpn0"));
  cr_assert(remove_table(nft, "vpn1"));
  cr_assert(remove_table(nft, "other"));
  cr_assert_eq(ruleset(ns), before);
}

Test(netns_nft, asking_for_support_changes_nothing) {
  const Ns ns;
  NftSocket nft = ns.nft();
  const std::string before = ns.out("nft -a list ruleset");
  const NftSupport found = support(nft);
  cr_assert(found.owner || !found.persist);
  cr_assert_eq(ns.out("nft -a list ruleset"), before);
  install(nft, full_table());
  cr_assert_eq(table_owned(nft, "vpn0"), found.persist);
}

Test(netns_nft, without_privilege_the_error_says_so) {
  const Ns ns;
  const pid_t pid = fork();
  if (pid == 0) {
    NftSocket nft = ns.nft();
    if (setresuid(65534, 65534, 65534) != 0) _exit(3);
    const NftSupport found = support(nft);
    const auto by_listing = error_of([&] { (void)our_tables(nft); });
    const auto by_install = error_of([&] { install(nft, full_table()); });
    const bool ok = !found.owner && by_listing && by_listing->code() == Exit::permission &&
                    by_install && by_install->code() == Exit::permission &&
                    !by_install->remedy().empty() && !remove_table(nft, "vpn0");
    _exit(ok ? 0 : 1);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 3) cr_skip_test("cannot change the user");
  cr_assert(WIFEXITED(status));
  cr_assert_eq(WEXITSTATUS(status), 0);
}

Test(netns_nft, flows_survive_swap_crash_and_adoption) {
  World w;
  const pid_t owner = start_owner(w.server, World::table());
  cr_assert_gt(owner, 0);
  const auto flow = lab::connection({w.client, "10.9.0.2", w.internet, "203.0.113.9"});
  const lab::Probe probe{w.client, "10.9.0.2", w.internet, "203.0.113.9", 4443, 9002};
  const auto first = lab::datagram(probe);
  cr_assert(flow.has_value() && first.has_value());
  const auto alive = [&] {
    char byte = 0;
    const bool there = send(flow->client.get(), "x", 1, MSG_NOSIGNAL) == 1 &&
                       lab::readable(flow->server, 3000) &&
                       recv(flow->server.get(), &byte, 1, 0) == 1;
    return there && send(flow->server.get(), "y", 1, MSG_NOSIGNAL) == 1 &&
           lab::readable(flow->client, 3000) && recv(flow->client.get(), &byte, 1, 0) == 1;
  };
  cr_assert(alive());
  kill_owner(owner);
  cr_assert(alive());
  NftSocket nft = w.server.nft();
  for (int i = 0; i < 20; ++i) {
    FilterTable t = World::table();
    t.clamp_mss = i % 2 == 0;
    install(nft, t);
    cr_assert(alive(), "after swap %d", i);
  }
  cr_assert_eq(lab::datagram(probe)->port, first->port);  // the same mapping
}
