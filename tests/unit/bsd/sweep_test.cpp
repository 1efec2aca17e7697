// SPDX-License-Identifier: ISC
// What a process left that was killed.
#include <criterion/criterion.h>

#include <algorithm>

#include "bsd/network.h"
#include "core/base/error.h"
#include "tests/unit/bsd/plans.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

bool told(const std::vector<std::string>& lines, const std::string& part) {
  return std::ranges::any_of(lines,
                             [&part](const auto& line) { return line.find(part) != line.npos; });
}

// Applies a plan and is killed: the kernel closes what was open, and nothing else happens. Returns
// what the files then are.
void killed(FakeSystem& s, const std::string& name, const plan::Plan& plan) {
  std::map<std::string, std::string> files;
  std::vector<FakeRoute> routes;
  std::map<std::string, FakeInterface> interfaces;
  int v4 = 0, v6 = 0;
  {
    Run run(name);
    run.apply(plan);
    s.close(run.tunnel->descriptor());
    files = s.files;
    routes = s.routes;
    interfaces = s.interfaces;
    v4 = s.forwarding_v4;
    v6 = s.forwarding_v6;
  }
  s.files = files;
  s.routes = routes;
  s.interfaces = interfaces;
  s.forwarding_v4 = v4;
  s.forwarding_v6 = v6;
  s.done.clear();
}

plan::Plan full_client(const std::string& interface) {
  return client_plan(client_config(interface), lease(false));
}

FakeRoute ours(const char* to) {
  return {prefix(to), {address("192.0.2.1")}, 0x8803, 1};
}

}  // namespace

Test(bsd_sweep, a_client_that_was_killed) {
  for (const bsd::Traits* t : kAllSystems) {
    FakeSystem s(*t);
    const std::string before = s.state(), name = device_of(*t);
    killed(s, name, full_client(name));
    cr_assert_neq(s.state(), before, "%s", t->name.data());
    {
      const Run next;
      cr_assert_eq(next.name, name, "the name of a dead tunnel is free again");
      cr_assert(told(next.swept, "203.0.113.5/32"), "%s", t->name.data());
      cr_assert(told(next.swept, "8000::/1"));
      cr_assert(told(next.swept, "/etc/resolv.conf"));
      cr_assert_eq(told(next.swept, "device " + name), t->destroys);
      cr_assert_eq(told(next.swept, "0.0.0.0/1"), t == &bsd::kNetBsd);
    }
    cr_assert(s.state() == before, "%s:\n%s", t->name.data(), s.state().c_str());
    cr_assert(s.names_in("/var/db/vpnd").empty());
  }
}

Test(bsd_sweep, a_server_that_was_killed) {
  for (const bsd::Traits* t : kAllSystems) {
    FakeSystem s(*t);
    const std::string before = s.state(), name = device_of(*t);
    killed(s, name, plan::plan_server(server_config(name)));
    cr_assert(s.forwarding_v4 == 1 && s.forwarding_v6 == 1);
    const auto done = bsd::clean_up(s, *t, kPlaces.state, "");
    cr_assert(told(done, "forwarding of IPv4 back to 0"));
    cr_assert(s.state() == before, "%s:\n%s", t->name.data(), s.state().c_str());
    cr_assert(bsd::clean_up(s, *t, kPlaces.state, "").empty(), "once is enough");
  }
}

Test(bsd_sweep, cleanup_of_one_by_name) {
  for (const bsd::Traits* t : kAllSystems) {
    FakeSystem s(*t);
    const std::string before = s.state(), name = device_of(*t);
    killed(s, name, full_client(name));
    cr_assert(!bsd::clean_up(s, *t, kPlaces.state, name).empty());
    cr_assert(s.state() == before, "%s", s.state().c_str());
    s.locked_by_others = {kPlaces.state + "/" + name + ".lock"};
    try {
      (void)bsd::clean_up(s, *t, kPlaces.state, name);
      cr_assert(false);
    } catch (const Error& e) {
      cr_assert(e.code() == Exit::temporary);
    }
  }
}

Test(bsd_sweep, halves_without_a_journal_would_cut_the_machine_off) {
  for (const bsd::Traits* t : kAllSystems) {
    FakeSystem s(*t);
    for (const char* to : {"0.0.0.0/1", "128.0.0.0/1", "::/1"}) s.routes.push_back(ours(to));
    const Run run;
    cr_assert_eq(run.swept.size(), 3u);
    cr_assert(s.route("0.0.0.0/1") == nullptr && s.route("::/1") == nullptr);
  }
}

// Routing daemons use the same mark.
Test(bsd_sweep, what_nobody_noted_stays) {
  for (const bsd::Traits* t : kAllSystems) {
    FakeSystem s(*t);
    s.routes.push_back(ours("10.0.0.0/8"));
    FakeRoute half = ours("128.0.0.0/1");
    half.flags &= ~bsd::kRtfOurs;
    s.routes.push_back(half);
    const Run run;
    cr_assert(run.swept.empty());
    cr_assert(s.route("10.0.0.0/8") != nullptr && s.route("128.0.0.0/1") != nullptr);
  }
}

Test(bsd_sweep, what_a_living_tunnel_has_stays) {
  for (const bsd::Traits* t : kAllSystems) {
    FakeSystem s(*t);
    Run living;
    living.apply(full_client(living.name));
    const std::string applied = s.state();
    {
      const Run other;
      cr_assert(other.swept.empty());
    }
    cr_assert(bsd::clean_up(s, *t, kPlaces.state, "").empty());
    cr_assert(s.state() == applied, "%s", s.state().c_str());
  }
}

Test(bsd_sweep, a_device_that_somebody_else_has_opened_since_stays) {
  for (const bsd::Traits* t : kAllSystems) {
    if (!t->destroys) continue;
    FakeSystem s(*t);
    const std::string name = device_of(*t);
    killed(s, name, full_client(name));
    s.busy = {name};
    const auto done = bsd::clean_up(s, *t, kPlaces.state, name);
    cr_assert(!told(done, "device") && s.interfaces.contains(name));
  }
}

Test(bsd_sweep, after_a_boot_only_the_resolver_file_is_left) {
  FakeSystem s(bsd::kFreeBsd);
  killed(s, "tun0", plan::plan_server(server_config("tun0")));
  killed(s, "tun1", full_client("tun1"));
  s.booted += 100'000;
  s.forwarding_v4 = s.forwarding_v6 = 1;  // as the administrator has it now
  std::erase_if(s.routes, [](const FakeRoute& r) { return (r.flags & bsd::kRtfOurs) != 0; });
  s.routes.push_back(ours("203.0.113.5"));
  s.interfaces.erase("tun0");
  s.interfaces.erase("tun1");
  const Run next;
  cr_assert_eq(s.files.at("/etc/resolv.conf"), "nameserver 192.0.2.53\n");
  cr_assert(s.forwarding_v4 == 1 && s.route("203.0.113.5") != nullptr);
}

Test(bsd_sweep, the_resolver_file_of_a_dead_tunnel_before_names_are_looked_up) {
  FakeSystem s(bsd::kOpenBsd);
  killed(s, "tun1", full_client("tun1"));
  host::Machine machine(kPlaces);
  const std::string name = machine.claim("tun0");
  cr_assert(told(machine.sweep_resolver(name), "/etc/resolv.conf"));
  cr_assert_eq(s.files.at("/etc/resolv.conf"), "nameserver 192.0.2.53\n");
  cr_assert(machine.sweep_resolver(name).empty());
}
