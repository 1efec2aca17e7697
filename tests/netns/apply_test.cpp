// SPDX-License-Identifier: ISC
// One namespace, one TUN "t0", one veth "wan0" with a default route: objects go in, come out again,
// and what somebody else made is never touched.

#include "linux/apply.h"

#include <criterion/criterion.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "core/base/error.h"
#include "linux/nft.h"
#include "linux/rtnl.h"
#include "linux/sysctl.h"
#include "linux/tun.h"
#include "linux/way.h"
#include "tests/support/capture_rule.h"
#include "tests/support/netns.h"
#include "tests/support/snapshot.h"

using namespace vpnd;
using namespace vpnd::nl;
using test::capture_rule;
using test::Snapshot;

namespace {

Prefix prefix(const char* text) {
  return *Prefix::parse(text);
}

Route route(Route::Type type, const char* to, std::uint32_t table, std::uint32_t metric = 0) {
  Route r;
  r.type = type;
  r.to = prefix(to);
  r.table = Table{table};
  r.metric = metric;
  if (type == Route::Type::unicast) r.interface = "t0";
  return r;
}

FilterTable filter() {
  FilterTable t;
  t.interface = "t0";
  t.shielded = {*Address::parse("10.9.0.2"), *Address::parse("fd00:9::2")};
  t.clamp_mss = true;
  return t;
}

// Everything that a client and a server make, of every kind of object.
std::vector<Object> everything() {
  using enum Route::Type;
  Rule server;
  server.priority = 29990;
  server.table = Table{254};
  server.to = Endpoint{*Address::parse("192.0.2.1"), 443};
  server.root_only = true;
  Rule lan;
  lan.priority = 30000;
  lan.table = Table{254};
  lan.suppress_default = true;
  return {filter(),
          route(blackhole, "10.9.0.0/24", 254, 4000000),
          route(blackhole, "fd00:9::/64", 254, 4000000),
          LinkUp{"t0", 1420},
          AddressOn{"t0", prefix("10.9.0.2/24")},
          AddressOn{"t0", prefix("fd00:9::2/64")},
          route(thrown, "192.168.0.0/16", 42069),
          route(thrown, "fe80::/10", 42069),
          route(unicast, "0.0.0.0/0", 42069),
          route(unicast, "::/0", 42069),
          route(unreachable, "0.0.0.0/0", 42069, 4294967294),
          route(unreachable, "::/0", 42069, 4294967294),
          server,
          lan,
          capture_rule(Family::v4),
          capture_rule(Family::v6),
          LinkSetting{"t0", 1, 1},
          LinkSetting{"wan0", 1, 1},
          LinkSetting{"wan0", 8, 2},
          Sysctl6{"wan0", "accept_ra", 2},
          Sysctl6{"all", "forwarding", 1},
          ForeignAccept{Family::v4, false, "filter", "FORWARD", "t0"}};
}

struct Bed {
  Tun tun;
  Host host;
  std::string state = test::temporary_directory();
  Bed() : tun(open_tun("t0")) {}
};
std::optional<Bed> bed;

void make_bed() {
  test::fresh_netns();
  Netlink rt;
  add_veth(rt, "wan0", "far0");
  for (const char* name : {"wan0", "far0"}) {
    const auto link = find_link(rt, std::string(name));
    set_gen_mode(rt, *link, 1);
    set_up(rt, *link, true);
  }
  const auto wan = find_link(rt, std::string("wan0"));
  nl::add(rt, AddressOn{"wan0", prefix("198.51.100.2/24")}, wan->index);
  test::run_program({"ip", "route", "add", "default", "via", "198.51.100.1"});
  test::run_program({"nft",
                     "add table ip filter; add chain ip filter FORWARD { type filter hook "
                     "forward priority 0; policy drop; }"});
  bed.emplace();
}

void drop_bed() {
  bed.reset();
}

void expect_same(const Snapshot& before, const char* when) {
  const Snapshot after = Snapshot::take();
  cr_assert(before == after, "%s:\n%s", when, before.difference(after).c_str());
}

std::string refusal(const std::vector<Object>& objects) {
  try {
    auto applied = bed->host.apply(objects);
  } catch (const Error& e) {
    return e.what();
  }
  return {};
}

}  // namespace

TestSuite(apply, .init = make_bed, .fini = drop_bed);

Test(apply, all_of_it_comes_true_and_goes_again) {
  bed->host.note_in(bed->state, "t0");
  const Snapshot before = Snapshot::take();
  const auto objects = everything();
  auto applied = bed->host.apply(objects);
  cr_assert_eq(applied.size(), objects.size());
  cr_assert(Snapshot::take() != before);
  for (const Object& o : objects) cr_assert(bed->host.present(o), "%s", describe(o).c_str());
  applied.revert();
  for (const Object& o : objects) {
    const bool always =
        std::holds_alternative<LinkSetting>(o) && std::get<LinkSetting>(o).value == 0;
    cr_assert(always || !bed->host.present(o), "%s", describe(o).c_str());
  }
  expect_same(before, "after the revert");
}

Test(apply, failing_at_any_step_leaves_no_trace) {
  bed->host.note_in(bed->state, "t0");
  const auto objects = everything();
  Route impossible = route(Route::Type::unicast, "203.0.113.0/24", 254);
  impossible.interface = "wan0";
  impossible.gateway = Address::parse("203.0.113.77");
  const Snapshot before = Snapshot::take();
  for (std::size_t k = 0; k <= objects.size(); ++k) {
    std::vector<Object> some(objects.begin(), objects.begin() + static_cast<std::ptrdiff_t>(k));
    some.emplace_back(impossible);
    const std::string line = refusal(some);
    cr_assert(line.find("gateway") != line.npos, "step %zu: %s", k, line.c_str());
    const Snapshot after = Snapshot::take();
    cr_assert(before == after, "step %zu left:\n%s", k, before.difference(after).c_str());
  }
}

// Whatever it is that was asked for: an answer that nobody heeds would leave a hole.
Test(apply, whatever_the_kernel_refuses_is_an_error) {
  test::run_program({"ip", "rule", "add", "not", "fwmark", "42069", "table", "42069", "priority",
                     "30001", "protocol", "85"});
  test::run_program({"ip", "route", "add", "throw", "192.168.0.0/16", "table", "42069"});
  test::run_program({"ip", "addr", "add", "10.9.0.2/24", "dev", "t0"});
  Wall wall;
  wall.interface = "t0";
  NftSocket owner;
  install(owner, filter());
  install(owner, wall);
  const std::vector<Object> refused{filter(),
                                    wall,
                                    route(Route::Type::thrown, "192.168.0.0/16", 42069),
                                    capture_rule(Family::v4),
                                    AddressOn{"t0", prefix("10.9.0.2/24")},
                                    LinkUp{"nope0", 1420},
                                    LinkSetting{"nope0", 1, 1},
                                    Sysctl6{"nope0", "accept_ra", 2},
                                    ForeignAccept{Family::v4, false, "filter", "NOPE", "t0"}};
  const Snapshot before = Snapshot::take();
  for (const Object& o : refused) cr_assert_neq(refusal({o}), "", "%s", describe(o).c_str());
  expect_same(before, "after the refusals");
}

Test(apply, an_exception_from_outside_unwinds_as_well) {
  const auto objects = everything();
  const Snapshot before = Snapshot::take();
  for (std::size_t k = 0; k < objects.size(); ++k) {
    cr_assert_throw(bed->host.apply(objects,
                                    [k](std::size_t i) {
                                      if (i == k) throw Error("x");
                                    }),
                    Error);
  }
  expect_same(before, "after a throw at every step");
}

Test(apply, the_kernels_own_sentence_is_in_the_error) {
  Route r = route(Route::Type::unicast, "203.0.113.0/24", 42069);
  r.interface = "wan0";
  r.gateway = Address::parse("203.0.113.77");
  const std::string line = refusal({r});
  cr_assert(line.find("cannot add route 203.0.113.0/24 via 203.0.113.77 dev wan0 table 42069") == 0,
            "%s", line.c_str());
  cr_assert(line.find("Nexthop has invalid gateway") != line.npos, "%s", line.c_str());
}

Test(apply, a_missing_interface_is_named) {
  const std::string line = refusal({LinkUp{"nope0", 1420}});
  cr_assert(line.find("nope0") != line.npos, "%s", line.c_str());
}

Test(apply, what_somebody_else_made_is_not_taken_over) {
  test::run_program({"ip", "route", "add", "throw", "192.168.0.0/16", "table", "42069"});
  test::run_program({"ip", "addr", "add", "10.9.0.2/24", "dev", "t0"});
  const Snapshot before = Snapshot::take();
  try {
    auto applied = bed->host.apply({route(Route::Type::thrown, "192.168.0.0/16", 42069)});
    cr_assert_fail("a foreign route was claimed");
  } catch (const Error& e) {
    cr_assert_eq(e.errnum(), EEXIST);
    cr_assert(e.code() == Exit::temporary);
  }
  cr_assert_throw(bed->host.apply({AddressOn{"t0", prefix("10.9.0.2/24")}}), Error);
  expect_same(before, "after refusing");
}

Test(apply, a_foreign_rule_that_looks_like_ours_survives) {
  const auto rule = test::run_program({"ip", "rule", "add", "not", "fwmark", "42069", "table",
                                       "42069", "priority", "30001", "protocol", "97"});
  const auto pool = test::run_program(
      {"ip", "route", "add", "unreachable", "10.9.0.0/24", "metric", "4000001", "protocol", "97"});
  cr_assert(rule.status == 0 && pool.status == 0);
  const Snapshot before = Snapshot::take();
  auto applied = bed->host.apply(
      {capture_rule(Family::v4), route(Route::Type::blackhole, "10.9.0.0/24", 254, 4000000)});
  cr_assert(Snapshot::take() != before);
  applied.revert();
  expect_same(before, "after the revert");
  cr_assert(bed->host.sweep("t0", bed->state).empty());
  expect_same(before, "after a sweep");
}

Test(apply, a_setting_that_an_admin_changed_since_stays) {
  auto applied = bed->host.apply({LinkSetting{"wan0", 8, 2}, LinkSetting{"wan0", 1, 1}});
  Netlink rt;
  set_setting4(rt, *find_link(rt, std::string("wan0")), 8, 1);
  applied.revert();
  const auto wan = find_link(rt, std::string("wan0"));
  cr_assert_eq(wan->setting(8), 1, "the admin's value was overwritten");
  cr_assert_eq(wan->setting(1), 0, "our own was not taken back");
}

Test(apply, two_tunnels_share_a_setting_and_the_last_one_restores_it) {
  Host other;
  bed->host.note_in(bed->state, "t0");
  other.note_in(bed->state, "t1");
  Netlink rt;
  const auto forwarding = [&rt] { return find_link(rt, std::string("wan0"))->setting(1); };
  cr_assert_eq(forwarding(), 0);
  for (const bool first_goes_first : {true, false}) {
    auto a = bed->host.apply({LinkSetting{"wan0", 1, 1}});
    auto b = other.apply({LinkSetting{"wan0", 1, 1}});
    (first_goes_first ? a : b).revert();
    cr_assert_eq(forwarding(), 1, "taken from under the other tunnel");
    (first_goes_first ? b : a).revert();
    cr_assert_eq(forwarding(), 0, "not restored by the last one");
  }
}

Test(apply, v6_forwarding_of_all_restores_each_interface) {
  (void)set_sysctl6("far0", "forwarding", 1);
  (void)set_sysctl6("default", "forwarding", 1);
  bed->host.note_in(bed->state, "t0");
  const Snapshot before = Snapshot::take();
  auto applied = bed->host.apply({Sysctl6{"all", "forwarding", 1}});
  cr_assert_eq(*sysctl6("wan0", "forwarding"), 1);
  applied.revert();
  expect_same(before, "after the revert");
  cr_assert_eq(*sysctl6("far0", "forwarding"), 1);
}

Test(apply, no_link_local_address_appears_and_v6_is_usable_at_once) {
  auto applied = bed->host.apply({LinkUp{"t0", 1420}, AddressOn{"t0", prefix("fd00:9::2/128")}});
  const auto shown = test::run_program({"ip", "-6", "addr", "show", "dev", "t0"}).output;
  cr_assert(shown.find("fe80") == shown.npos, "%s", shown.c_str());
  cr_assert(shown.find("fd00:9::2") != shown.npos && shown.find("tentative") == shown.npos, "%s",
            shown.c_str());
}

// The kernel makes the route to an IPv6 address of its own some time after the address.
Test(apply, packets_to_a_new_address_are_ours_at_once) {
  Netlink rt;
  for (int i = 1; i <= 30; ++i) {
    const Prefix own = prefix(fmt::format("fd00:9::{:x}/128", i).c_str());
    const auto applied = bed->host.apply({LinkUp{"t0", 1420}, AddressOn{"t0", own}});
    cr_assert(comes_here(rt, own.address), "at turn %d", i);
  }
}

Test(apply, present_notices_what_is_gone) {
  auto applied = bed->host.apply({LinkUp{"t0", 1420}, capture_rule(Family::v4),
                                  route(Route::Type::unicast, "0.0.0.0/0", 42069), filter()});
  cr_assert(bed->host.present(capture_rule(Family::v4)));
  test::run_program({"ip", "rule", "del", "priority", "30001"});
  cr_assert(!bed->host.present(capture_rule(Family::v4)));
  test::run_program({"ip", "link", "set", "t0", "down"});
  cr_assert(!bed->host.present(route(Route::Type::unicast, "0.0.0.0/0", 42069)));
  cr_assert(!bed->host.present(LinkUp{"t0", 1420}));
}
