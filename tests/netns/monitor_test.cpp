// SPDX-License-Identifier: ISC
// Which events of a real kernel hint at what.

#include "linux/monitor.h"

#include <criterion/criterion.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>

#include "linux/rtnl.h"
#include "linux/tun.h"
#include "linux/way.h"
#include "tests/support/netns.h"

using namespace vpnd;
using namespace vpnd::nl;
using test::run_program;

namespace {

struct Bed {
  Tun tun = open_tun("t0");
  std::optional<Monitor> monitor;
};
std::optional<Bed> bed;

void ip(const std::string& words) {
  const auto done = test::run_ip(words);
  cr_assert_eq(done.status, 0, "ip %s: %s", words.c_str(), done.output.c_str());
}

void nft(const std::string& words) {
  const auto done = run_program({"nft", words});
  cr_assert_eq(done.status, 0, "nft %s: %s", words.c_str(), done.output.c_str());
}

void make_bed() {
  test::fresh_netns();
  bed.emplace();
  ip("link set t0 up");
  ip("link add wan0 type veth peer name far0");
  ip("link set far0 up");
  ip("link set wan0 up");
  ip("addr add 198.51.100.2/24 dev wan0");
  bed->monitor.emplace("t0");
}

void drop_bed() {
  bed.reset();
}

Hints after(const std::string& words) {
  (void)bed->monitor->read();
  ip(words);
  return bed->monitor->read();
}

Hints after_nft(const std::string& words) {
  (void)bed->monitor->read();
  nft(words);
  return bed->monitor->read();
}

}  // namespace

TestSuite(monitor, .init = make_bed, .fini = drop_bed);

Test(monitor, silence_is_no_hint) {
  (void)bed->monitor->read();
  const Hints h = bed->monitor->read();
  cr_assert(!h.ours && !h.networks && h.by.empty());
}

Test(monitor, removals_of_ours_are_hints_and_name_who) {
  for (const std::string family : {"-4", "-6"}) {
    ip(family + " rule add not fwmark 42069 table 42069 priority 30001 protocol 85");
    const Hints h = after(family + " rule del priority 30001");
    cr_assert(h.ours, "rule %s", family.c_str());
    cr_assert(h.by.starts_with("process "), "%s", h.by.c_str());
    ip(family + " route add default dev t0 table 42069 protocol 85");
    cr_assert(after(family + " route del default table 42069").ours, "%s", family.c_str());
    ip(family + " route add unreachable default table 42069 metric 7 protocol 85");
    cr_assert(after(family + " route replace default dev wan0 table 42069 metric 7").ours, "%s",
              family.c_str());
  }
  ip("addr add 10.9.0.2/32 dev t0");
  cr_assert(after("addr del 10.9.0.2/32 dev t0").ours);
  cr_assert(after("link set t0 down").ours);
  cr_assert(after("link del t0").ours);
}

Test(monitor, others_rules_and_routes_are_none_of_our_business) {
  ip("rule add fwmark 7 table 100 priority 100");
  cr_assert_not(after("rule del priority 100").ours);
  ip("route add 10.1.0.0/16 via 198.51.100.1");
  const Hints h = after("route del 10.1.0.0/16");
  cr_assert_not(h.ours);
  cr_assert(h.networks);
}

Test(monitor, networks_that_move_are_hints) {
  cr_assert(after("addr add 10.5.0.1/24 dev wan0").networks);
  cr_assert(after("route add default via 198.51.100.1").networks);
  cr_assert(after("link set far0 down").networks, "no carrier");
}

Test(monitor, nft_tables_that_go_are_hints_and_name_who) {
  nft("add table inet vpnd_t0; add chain inet vpnd_t0 c; add rule inet vpnd_t0 c accept");
  Hints h = after_nft("flush table inet vpnd_t0");
  cr_assert(h.ours);
  cr_assert(h.by.find("process ") == 0, "%s", h.by.c_str());
  cr_assert(after_nft("add rule inet vpnd_t0 c drop").ours, "a rule slipped in");
  cr_assert(after_nft("delete table inet vpnd_t0").ours);
  cr_assert_not(after_nft("add table inet other; add set inet other s { type ipv4_addr; }").ours);
  cr_assert(after_nft("add chain inet other c").ours, "an accept of ours may be missing in it");
  cr_assert_not(after_nft("add element inet other s { 10.0.0.1 }").ours);
  cr_assert_not(after_nft("delete element inet other s { 10.0.0.1 }").ours);
  cr_assert_not(after_nft("add rule inet other c accept").ours, "a foreign rule");
  // It could have been a chain with an accept of ours.
  cr_assert(after_nft("delete table inet other").ours);
}

Test(monitor, lost_events_hint_at_everything) {
  std::vector<pollfd> fds;
  bed->monitor->watch(fds);
  const int little = 4096;
  cr_assert_eq(setsockopt(fds[0].fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof little), 0);
  (void)bed->monitor->read();
  Netlink rt;
  Rule r;
  r.priority = 100;
  r.table = Table{100};
  // Foreign rules, which alone would hint at nothing.
  for (std::uint32_t i = 0; i < 200; ++i) {
    r.mark = Fwmark{i + 1};
    cr_assert_eq(try_add(rt, r).errnum, 0);
  }
  const Hints h = bed->monitor->read();
  cr_assert(h.ours && h.networks);
  const Hints next = bed->monitor->read();
  cr_assert(!next.ours && !next.networks, "it does not get over it");
}

Test(monitor, the_way_to_a_server_is_the_kernels_answer) {
  Netlink rt;
  const auto way = [&rt] { return way_to(rt, *Address::parse("203.0.113.7"), Fwmark{42069}); };
  cr_assert(way().empty(), "%s", way().c_str());
  ip("route add default via 198.51.100.1");
  const std::string first = way();
  cr_assert(first.starts_with("wan0#") && first.ends_with(" via 198.51.100.1 from 198.51.100.2"),
            "%s", first.c_str());
  ip("rule add fwmark 42069 table 77");
  ip("route add default via 198.51.100.9 table 77");
  cr_assert(way().find("198.51.100.9") != std::string::npos, "the mark counts: %s", way().c_str());
  ip("link set far0 down");
  cr_assert(way().empty(), "no carrier: %s", way().c_str());
  ip("link set far0 up");
  cr_assert(test::run_program({"ip", "link", "show", "wan0"}).status == 0 && !way().empty());
}
