// SPDX-License-Identifier: ISC
// A process makes everything and is killed; the next one takes it back, or adopts it.

#include <criterion/criterion.h>
#include <signal.h>
#include <sys/wait.h>

#include <fstream>

#include "core/base/error.h"
#include "linux/apply.h"
#include "linux/journal.h"
#include "linux/rtnl.h"
#include "linux/tun.h"
#include "tests/support/netns.h"
#include "tests/support/snapshot.h"

using namespace vpnd;
using namespace vpnd::nl;
using test::Snapshot;

namespace {

Prefix prefix(const char* text) {
  return *Prefix::parse(text);
}

Route blackhole(const char* pool) {
  Route r;
  r.type = Route::Type::blackhole;
  r.to = prefix(pool);
  r.metric = 4000000;
  return r;
}

Rule rule(std::uint32_t priority) {
  Rule r;
  r.priority = priority;
  r.table = kDefaultTable;
  r.mark = kDefaultFwmark;
  r.invert = true;
  return r;
}

FilterTable filter(const std::string& interface) {
  FilterTable t;
  t.interface = interface;
  t.shielded = {*Address::parse("10.9.0.254")};
  t.clamp_mss = true;
  return t;
}

std::vector<Object> server_objects(const std::string& interface, const char* pool) {
  return {filter(interface),
          blackhole(pool),
          LinkUp{interface, 1420},
          AddressOn{interface, prefix("10.9.0.254/24")},
          LinkSetting{interface, 1, 1},
          LinkSetting{"wan0", 1, 1},
          Sysctl6{"wan0", "accept_ra", 2},
          Sysctl6{"all", "forwarding", 1},
          ForeignAccept{Family::v4, false, "filter", "FORWARD", interface}};
}

void make_bed() {
  test::fresh_netns();
  Netlink rt;
  add_veth(rt, "wan0", "far0");
  test::run_program({"nft",
                     "add table ip filter; add chain ip filter FORWARD { type filter hook "
                     "forward priority 0; policy drop; }"});
}

// Makes it all in a process of its own, and kills that.
void make_and_kill(const std::string& interface, const std::string& state,
                   const std::vector<Object>& objects) {
  const pid_t pid = test::child_that_stays([&] {
    const Tun tun = open_tun(interface);
    Host host;
    host.note_in(state, interface);
    (void)host.sweep(interface, state, Sweep::at_start);
    // Neither is destroyed: the body ends, the process stays, and is killed with all of it in
    // place.
    auto* held = new plan::Applied(host.apply(objects));
    (void)held;
    (void)new Host(std::move(host));
    cr_assert_geq(::dup(tun.fd.get()), 0);
  });
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

void expect_same(const Snapshot& before, const char* when) {
  const Snapshot after = Snapshot::take();
  cr_assert(before == after, "%s:\n%s", when, before.difference(after).c_str());
}

bool shown(const std::vector<std::string>& command, const char* what) {
  return test::run_program(command).output.find(what) != std::string::npos;
}

bool blackhole_stands(const char* pool) {
  return shown({"ip", "route"}, pool);
}

}  // namespace

TestSuite(sweep, .init = make_bed);

Test(sweep, takes_back_all_that_a_killed_process_left) {
  const std::string state = test::temporary_directory();
  const Snapshot before = Snapshot::take();
  auto objects = server_objects("t0", "10.9.0.0/24");
  objects.emplace_back(rule(30001));
  make_and_kill("t0", state, objects);
  cr_assert(Snapshot::take() != before, "nothing was left, so this proves nothing");
  Host host;
  const auto lines = host.sweep("t0", state);
  cr_assert_geq(lines.size(), 6u);
  expect_same(before, "after the sweep");
  cr_assert(host.sweep("t0", state).empty(), "twice is once");
}

Test(sweep, without_a_name_takes_all_that_is_dead) {
  const std::string state = test::temporary_directory();
  const Snapshot before = Snapshot::take();
  make_and_kill("t0", state, server_objects("t0", "10.9.0.0/24"));
  make_and_kill("t1", state, server_objects("t1", "10.8.0.0/24"));
  Host host;
  (void)host.sweep("", state);
  expect_same(before, "after the sweep");
}

Test(sweep, at_start_spares_what_running_flows_need_and_apply_adopts_it) {
  const std::string state = test::temporary_directory();
  const Snapshot before = Snapshot::take();
  const auto objects = server_objects("t0", "10.9.0.0/24");
  make_and_kill("t0", state, objects);
  const Tun tun = open_tun("t0");
  Host host;
  host.note_in(state, "t0");
  (void)host.sweep("t0", state, Sweep::at_start);
  cr_assert(blackhole_stands("blackhole 10.9.0.0/24"));
  cr_assert(shown({"nft", "list", "tables"}, "vpnd_t0"));
  cr_assert(shown({"nft", "list", "chain", "ip", "filter", "FORWARD"}, "t0"));
  {
    auto applied = host.apply(objects);
    for (const Object& o : objects) cr_assert(host.present(o), "%s", describe(o).c_str());
  }
  cr_assert(!blackhole_stands("blackhole 10.9.0.0/24"), "adopted, but not taken back");
  Netlink rt;
  cr_assert_eq(find_link(rt, std::string("wan0"))->setting(1), 0);
  const auto left = routes(rt, Family::v4, std::nullopt, kRouteProtocol);
  cr_assert(left.empty());
}

Test(sweep, what_is_spared_and_not_wanted_any_more_goes) {
  const std::string state = test::temporary_directory();
  make_and_kill("t0", state, server_objects("t0", "10.9.0.0/24"));
  const Tun tun = open_tun("t0");
  Host host;
  host.note_in(state, "t0");
  (void)host.sweep("t0", state, Sweep::at_start);
  auto applied = host.apply({filter("t0"), blackhole("10.7.0.0/24")});
  cr_assert(!blackhole_stands("blackhole 10.9.0.0/24"));
  cr_assert(blackhole_stands("blackhole 10.7.0.0/24"));
  cr_assert(!shown({"nft", "list", "chain", "ip", "filter", "FORWARD"}, "t0"));
}

Test(sweep, leaves_other_tunnels_alone) {
  const std::string state = test::temporary_directory();
  make_and_kill("t1", state, server_objects("t1", "10.8.0.0/24"));
  const Tun tun = open_tun("t2");
  Host living;
  living.note_in(state, "t2");
  auto applied = living.apply({filter("t2"), blackhole("10.7.0.0/24"), rule(30002)});
  make_and_kill("t0", state, server_objects("t0", "10.9.0.0/24"));
  Host host;
  (void)host.sweep("t0", state);
  cr_assert(!blackhole_stands("blackhole 10.9.0.0/24"));
  cr_assert(blackhole_stands("blackhole 10.8.0.0/24"), "a dead one, waiting for its own start");
  cr_assert(blackhole_stands("blackhole 10.7.0.0/24"), "a living one");
  (void)host.sweep("", state);
  cr_assert(!blackhole_stands("blackhole 10.8.0.0/24"));
  cr_assert(blackhole_stands("blackhole 10.7.0.0/24"));
  cr_assert(living.present(rule(30002)));
  cr_assert(living.present(filter("t2")));
}

Test(sweep, refuses_while_a_living_process_has_the_name) {
  const std::string state = test::temporary_directory();
  Host living;
  living.note_in(state, "t0");
  const int code = test::in_child([&] {
    Host host;
    try {
      (void)host.sweep("t0", state);
    } catch (const Error& e) {
      return e.code() == Exit::temporary ? 0 : 1;
    }
    return 2;
  });
  cr_assert_eq(code, 0);
}

Test(sweep, a_setting_changed_since_the_death_stays) {
  const std::string state = test::temporary_directory();
  make_and_kill("t0", state, {LinkSetting{"wan0", 8, 2}, LinkSetting{"wan0", 1, 1}});
  Netlink rt;
  set_setting4(rt, *find_link(rt, std::string("wan0")), 8, 1);
  Host host;
  (void)host.sweep("t0", state);
  const auto wan = find_link(rt, std::string("wan0"));
  cr_assert_eq(wan->setting(8), 1);
  cr_assert_eq(wan->setting(1), 0);
}

Test(sweep, notes_of_another_boot_are_void) {
  const std::string state = test::temporary_directory();
  Netlink rt;
  const auto wan = find_link(rt, std::string("wan0"));
  set_setting4(rt, *wan, 1, 1);
  std::ofstream(state + "/t0.held")
      << "boot 00000000-0000-0000-0000-000000000000 net 1\n+ setting4 "
         "wan0 "
      << wan->index << " 1 0 1\n";
  Host host;
  cr_assert(host.sweep("t0", state).empty());
  cr_assert_eq(find_link(rt, std::string("wan0"))->setting(1), 1);
}

Test(journal, keeps_what_is_noted_and_forgets_what_is_struck) {
  const std::string state = test::temporary_directory();
  {
    Journal j(state, "t0");
    j.note("a 1");
    j.note("b 2");
    j.note("a 1");
    j.strike("a 1");
    j.strike("nothing like it");
  }
  const auto copies = journals(state);
  cr_assert_eq(copies.size(), 1u);
  cr_assert(!copies[0].living);
  cr_assert((copies[0].lines == std::vector<std::string>{"b 2", "a 1"}));
  {
    Journal j(state, "t0");
    cr_assert_eq(j.lines().size(), 2u);
    cr_assert(journals(state)[0].living);
    cr_assert_throw(Journal(state, "t0"), Error);
    j.strike("a 1");
    j.strike("b 2");
  }
  cr_assert(journals(state).empty(), "an empty journal stayed");
}

Test(journal, a_line_cut_by_a_kill_is_nothing) {
  const std::string state = test::temporary_directory();
  {
    Journal j(state, "t0");
    j.note("whole");
  }
  std::ofstream(state + "/t0.held", std::ios::app) << "+ cut of";
  Journal j(state, "t0");
  cr_assert((j.lines() == std::vector<std::string>{"whole"}));
  j.note("next");
  cr_assert((journals(state)[0].lines == std::vector<std::string>{"whole", "next"}));
}
