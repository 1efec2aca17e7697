// SPDX-License-Identifier: ISC
#include "linux/rtnl.h"

#include <criterion/criterion.h>

#include <algorithm>
#include <cerrno>

#include "core/base/error.h"
#include "tests/support/netns.h"

using namespace vpnd;
using namespace vpnd::nl;

namespace {

void make_bed() {
  test::fresh_netns();
  Netlink rt;
  add_veth(rt, "t0", "t1");
  for (const char* name : {"t0", "t1"}) {
    const auto link = find_link(rt, std::string(name));
    set_gen_mode(rt, *link, 1);
    set_up(rt, *link, true);
  }
  const auto link = find_link(rt, std::string("t0"));
  nl::add(rt, AddressOn{"t0", *Prefix::parse("10.9.0.2/24")}, link->index);
  nl::add(rt, AddressOn{"t0", *Prefix::parse("fd00:9::2/64")}, link->index);
}

std::string shown(const std::vector<std::string>& command) {
  return test::run_program(command).output;
}

bool holds(const std::string& text, const char* what) {
  return text.find(what) != text.npos;
}

std::vector<Route> all_kinds() {
  using enum Route::Type;
  std::vector<Route> all;
  for (const char* to : {"192.168.0.0/16", "fd01::/16", "0.0.0.0/0", "::/0"}) {
    for (const auto type : {unicast, thrown, blackhole, unreachable}) {
      Route r;
      r.type = type;
      r.to = *Prefix::parse(to);
      r.table = kDefaultTable;
      r.metric = 7 + static_cast<std::uint32_t>(type);
      if (type == unicast) r.interface = "t0";
      all.push_back(r);
    }
  }
  Route via;
  via.to = *Prefix::parse("203.0.113.0/24");
  via.interface = "t0";
  via.gateway = Address::parse("10.9.0.1");
  all.push_back(via);
  via.to = *Prefix::parse("2001:db8::/32");
  via.gateway = Address::parse("fd00:9::1");
  all.push_back(via);
  return all;
}

std::vector<Rule> all_rules() {
  Rule plain;
  plain.priority = 100;
  plain.table = Table{254};
  Rule capture = plain;
  capture.table = kDefaultTable;
  capture.mark = kDefaultFwmark;
  capture.invert = true;
  Rule server = plain;
  server.priority = 90;
  server.to = Endpoint{*Address::parse("192.0.2.1"), 443};
  server.root_only = true;
  Rule resolver = server;
  resolver.to->port = 53;
  resolver.udp = true;
  Rule lan = plain;
  lan.suppress_default = true;
  lan.priority = 95;
  Rule capture6 = capture;
  capture6.family = Family::v6;
  Rule server6 = server;
  server6.family = Family::v6;
  server6.to = Endpoint{*Address::parse("2001:db8::1"), 8443};
  return {plain, capture, server, resolver, lan, capture6, server6};
}

int index_for(Netlink& rt, const Route& r) {
  return r.interface.empty() ? 0 : find_link(rt, r.interface)->index;
}

}  // namespace

TestSuite(rtnl, .init = make_bed);

Test(rtnl, every_kind_of_route_comes_back_as_it_went) {
  Netlink rt;
  for (const Route& r : all_kinds()) {
    const Answer answer = try_add(rt, r, index_for(rt, r));
    cr_assert_eq(answer.errnum, 0, "%s: %s", text(r).c_str(), answer.text.c_str());
    const auto dumped = routes(rt, r.to.address.family(), r.table, kRouteProtocol);
    const bool there = std::any_of(dumped.begin(), dumped.end(),
                                   [&r](const auto& d) { return same(d.object, r); });
    cr_assert(there, "%s", text(r).c_str());
  }
  for (const Route& r : all_kinds()) {
    cr_assert_eq(remove(rt, r, index_for(rt, r)).errnum, 0, "%s", text(r).c_str());
  }
  cr_assert(routes(rt, Family::v4, std::nullopt, kRouteProtocol).empty());
  cr_assert(routes(rt, Family::v6, std::nullopt, kRouteProtocol).empty());
}

Test(rtnl, a_dumped_route_is_deleted_by_its_own_echo) {
  Netlink rt;
  for (const Route& r : all_kinds()) cr_assert_eq(try_add(rt, r, index_for(rt, r)).errnum, 0);
  for (const Family f : {Family::v4, Family::v6}) {
    for (const auto& d : routes(rt, f, std::nullopt, kRouteProtocol)) {
      cr_assert_eq(rt.echo(d.message, kDeleteRoute).errnum, 0, "%s", text(d.object).c_str());
    }
    cr_assert(routes(rt, f, std::nullopt, kRouteProtocol).empty());
  }
}

Test(rtnl, the_tunnel_default_is_of_global_scope_and_tagged) {
  Netlink rt;
  Route r;
  r.to = *Prefix::parse("0.0.0.0/0");
  r.table = kDefaultTable;
  r.interface = "t0";
  cr_assert_eq(try_add(rt, r, index_for(rt, r)).errnum, 0);
  const auto line = shown({"ip", "-d", "route", "show", "table", "42069"});
  cr_assert(holds(line, "default dev t0 proto 85"), "%s", line.c_str());
  cr_assert(!holds(line, "scope link"), "%s", line.c_str());
}

Test(rtnl, every_kind_of_rule_comes_back_as_it_went) {
  Netlink rt;
  for (const Rule& r : all_rules()) {
    const Answer answer = try_add(rt, r);
    cr_assert_eq(answer.errnum, 0, "%s: %s", text(r).c_str(), answer.text.c_str());
    cr_assert_eq(try_add(rt, r).errnum, EEXIST);
    const auto dumped = rules(rt, r.family);
    const auto at =
        std::find_if(dumped.begin(), dumped.end(), [&r](const auto& d) { return d.object == r; });
    cr_assert(at != dumped.end(), "%s", text(r).c_str());
    cr_assert_eq(at->protocol, kRouteProtocol);
  }
  const auto line = shown({"ip", "rule"});
  cr_assert(holds(line, "not from all fwmark 0xa455 lookup 42069 proto 85"), "%s", line.c_str());
  cr_assert(holds(line, "to 192.0.2.1 uidrange 0-0 ipproto tcp dport 443 lookup main proto 85"),
            "%s", line.c_str());
  cr_assert(holds(line, "lookup main suppress_prefixlength 0 proto 85"), "%s", line.c_str());
  for (const Rule& r : all_rules()) {
    cr_assert_eq(remove(rt, r).errnum, 0, "%s", text(r).c_str());
    cr_assert_eq(remove(rt, r).errnum, ENOENT, "%s", text(r).c_str());
  }
}

// The fwmark is compared in full, and only the unmarked goes into the tunnel.
Test(rtnl, the_rule_captures_all_but_the_mark) {
  Netlink rt;
  Route r;
  r.to = *Prefix::parse("0.0.0.0/0");
  r.table = kDefaultTable;
  r.interface = "t0";
  cr_assert_eq(try_add(rt, r, index_for(rt, r)).errnum, 0);
  cr_assert_eq(try_add(rt, all_rules()[1]).errnum, 0);
  cr_assert(holds(shown({"ip", "route", "get", "8.8.8.8"}), "dev t0 table 42069"));
  cr_assert(!holds(shown({"ip", "route", "get", "8.8.8.8", "mark", "42069"}), "t0"));
  cr_assert(holds(shown({"ip", "route", "get", "8.8.8.8", "mark", "0x1a455"}), "t0"));
}

Test(rtnl, removing_ours_spares_a_twin_of_another_protocol) {
  Netlink rt;
  const Rule ours = all_rules()[1];
  (void)shown({"ip", "rule", "add", "not", "fwmark", "42069", "table", "42069", "priority", "100",
               "protocol", "97"});
  cr_assert_eq(try_add(rt, ours).errnum, 0);
  cr_assert_eq(remove(rt, ours).errnum, 0);
  cr_assert_eq(remove(rt, ours).errnum, ENOENT);
  cr_assert(holds(shown({"ip", "rule"}), "proto 97"));
}

Test(rtnl, an_address_has_no_duplicate_detection_and_goes_again) {
  Netlink rt;
  const auto link = find_link(rt, std::string("t1"));
  for (const char* text : {"10.8.0.1/32", "fd00:8::1/128", "10.7.0.1/24", "fd00:7::1/64"}) {
    const AddressOn a{"t1", *Prefix::parse(text)};
    nl::add(rt, a, link->index);
    cr_assert_throw(nl::add(rt, a, link->index), Error);
    auto all = addresses_of(rt, link->index);
    cr_assert(std::find(all.begin(), all.end(), a.prefix) != all.end(), "%s", text);
    cr_assert(!holds(shown({"ip", "addr", "show", "dev", "t1"}), "tentative"));
    cr_assert_eq(remove(rt, a, link->index).errnum, 0);
    all = addresses_of(rt, link->index);
    cr_assert(std::find(all.begin(), all.end(), a.prefix) == all.end(), "%s", text);
  }
}

Test(rtnl, a_link_tells_its_settings_and_takes_them) {
  Netlink rt;
  for (const int number : {1, 8, 19, 24}) {
    const auto before = find_link(rt, std::string("t0"));
    cr_assert_eq(before->setting(number), 0, "setting %d", number);
    set_setting4(rt, *before, number, 1);
    cr_assert_eq(find_link(rt, std::string("t0"))->setting(number), 1, "setting %d", number);
    cr_assert_eq(find_link(rt, std::string("t1"))->setting(number), 0, "not that device alone");
  }
  const auto read = [](const char* key) {
    return shown({"cat", std::string("/proc/sys/net/ipv4/conf/t0/") + key});
  };
  for (const char* key : {"forwarding", "rp_filter", "arp_ignore", "src_valid_mark"}) {
    cr_assert_eq(read(key), "1\n", "%s", key);
  }
  cr_assert_eq(shown({"cat", "/proc/sys/net/ipv4/ip_forward"}), "0\n");
}

Test(rtnl, a_link_is_found_by_name_and_number_or_not_at_all) {
  Netlink rt;
  const auto link = find_link(rt, std::string("t0"));
  cr_assert(link.has_value());
  cr_assert_eq(find_link(rt, link->index)->name, "t0");
  cr_assert(!find_link(rt, std::string("nope0")));
  cr_assert(!find_link(rt, std::string("a-name-that-is-too-long")));
  cr_assert(!find_link(rt, std::string()));
  cr_assert(!find_link(rt, 99999));
  set_mtu(rt, *link, 1400);
  cr_assert_eq(find_link(rt, link->index)->mtu, 1400u);
}
