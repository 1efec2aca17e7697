// SPDX-License-Identifier: ISC
// Services of a client's own host, for who comes from beyond the local network: closed by default,
// kept on their path when asked for, and no hole for anything else.

#include <criterion/criterion.h>

#include <csignal>

#include "tests/netns/leaks/leak_lab.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

constexpr std::uint16_t kService = 2222;
const Address kOwn4 = Address::parse("10.71.1.2").value(),
              kOwn6 = Address::parse("fd71:1::2").value();

// From a host that is none of the local network's. A router looks for neighbours of others by its
// link-local address, which the lab's has not.
bool reached(LeakLab& l, const Address& own) {
  (void)l.lab.try_ip(l.lab.router(), "-6 addr add fe80::1/64 dev c0 nodad");
  const std::string target = own.text();
  return run_program({"ping", "-n", "-c", "1", "-W", "1", target}, l.lab.server().fd()).status ==
             0 &&
         tcp_echo(l.lab.server(), own, kService, 1000, 1);
}

void is_kept(const std::vector<std::string>& options, bool strict) {
  LeakLab l;
  if (strict) l.filter_strictly();
  const Snapshot before = l.lab.snapshot(l.lab.client());
  const Responder service(l.lab.client(), kService), far(l.lab.target(), LeakLab::kPort);
  l.start_server();
  l.start_client(options);
  cr_assert(eventually([&] { return reached(l, kOwn4); }), "%s", l.client().output().c_str());
  cr_assert(reached(l, kOwn6));
  (void)l.leaked();  // those answers
  cr_assert(l.through(l.target4) && l.through(l.target6));
  l.probe(l.target4, LeakLab::kPort);
  l.probe(Address::parse(Lab::kServer).value(), kService);
  clean(l, "with such answers");
  l.client().signal(SIGTERM);
  cr_assert_eq(l.client().wait(5), 0);
  const Snapshot after = l.lab.snapshot(l.lab.client());
  cr_assert(before == after, "%s", before.difference(after).c_str());
}

}  // namespace

Test(leaks_inbound, answers_stay_in_unless_asked_for) {
  LeakLab l;
  const Responder service(l.lab.client(), kService);
  cr_assert(reached(l, kOwn4) && reached(l, kOwn6), "without a tunnel");
  l.start();
  (void)l.leaked();
  cr_assert_not(reached(l, kOwn4) || reached(l, kOwn6));
}

Test(leaks_inbound, answers_go_back_the_way_they_came) {
  is_kept({"--keep-inbound"}, false);
}
Test(leaks_inbound, under_a_strict_reverse_path_filter_too) {
  is_kept({"--keep-inbound"}, true);
}

Test(leaks_inbound, without_a_wall_too) {
  LeakLab l;
  const Responder service(l.lab.client(), kService);
  l.start_server();
  l.start_client({"--keep-inbound", "--kill-switch", "off"});
  cr_assert(eventually([&] { return reached(l, kOwn4) && reached(l, kOwn6); }));
}

// A connection of our own, whose answers come in: nothing of it is kept out of the tunnel. And a
// mark that a program of root's sets is no key either.
Test(leaks_inbound, nothing_of_our_own_gets_out_by_it) {
  LeakLab l;
  l.start_server();
  l.start_client({"--keep-inbound"});
  l.probe(l.target4, LeakLab::kPort, "eth0");
  l.probe(l.target6, LeakLab::kPort, "eth0");
  l.probe(Address::v4(10, 71, 1, 1), 53);
  clean(l, "of our own");
}
