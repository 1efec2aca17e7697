// SPDX-License-Identifier: ISC
// A tunnel set up and taken back on each of the five systems, in the order that each of them needs.
#include <criterion/criterion.h>

#include <algorithm>
#include <cerrno>

#include "core/base/error.h"
#include "tests/unit/bsd/plans.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

// Each stands before the next one.
void cr_order(const FakeSystem& s, std::initializer_list<std::string> steps) {
  std::size_t last = 0;
  for (const std::string& step : steps) {
    cr_assert(s.did(step), "%s: not \"%s\"", s.traits.name.data(), step.c_str());
    cr_assert(s.at(step) >= last, "%s: \"%s\" comes too early", s.traits.name.data(), step.c_str());
    last = s.at(step);
  }
}

plan::Plan full_client(const std::string& interface, bool v6 = true) {
  return client_plan(client_config(interface), lease(v6));
}

bool missing(const host::Presence& p, const std::string& part) {
  return std::ranges::any_of(p.missing,
                             [&part](const auto& line) { return line.find(part) != line.npos; });
}

}  // namespace

Test(bsd_machine, a_client_in_order) {
  for (const bsd::Traits* t : kAllSystems) {
    FakeSystem s(*t);
    Run run;
    cr_assert_eq(run.name, device_of(*t));
    run.apply(full_client(run.name));
    cr_order(s, {"open " + run.name, "mtu 1420 of " + run.name, "flags of " + run.name,
                 "address 192.168.192.1 peer 192.168.192.254",
                 "address fd76:706e::2 peer fd76:706e::1", "add 203.0.113.5/32 192.0.2.1",
                 "add 0.0.0.0/1 192.168.192.254", "add 128.0.0.0/1 192.168.192.254",
                 "add ::/1 fd76:706e::1", "add 8000::/1 fd76:706e::1", "write /etc/resolv.conf"});
    cr_assert_eq(s.did("header of " + run.name), t->tun_header != 0);
    for (const char* to : {"203.0.113.5", "0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"}) {
      cr_assert((s.route(to)->flags & bsd::kRtfOurs) != 0, "%s", to);
    }
    const host::Presence p = run.machine.check(run.current);
    cr_assert(p.made == 9 && p.present == 9, "%u of %u", p.present, p.made);
    cr_assert_eq(p.dns, "192.168.192.254, by the resolver file");
    cr_assert(run.machine.intact() && run.tunnel->alive());
  }
}

// Routes, then the device's descriptor, then the device: on NetBSD the first would outlive the
// second and cut the machine off.
Test(bsd_machine, taken_back_in_order) {
  for (const bsd::Traits* t : kAllSystems) {
    FakeSystem s(*t);
    const std::string before = s.state(), name = device_of(*t);
    {
      Run run;
      run.apply(full_client(run.name));
      cr_assert_neq(s.state(), before);
      s.done.clear();
    }
    cr_order(s, {"rename /etc/resolv.conf", "delete 8000::/1", "delete ::/1", "delete 128.0.0.0/1",
                 "delete 0.0.0.0/1", "delete 203.0.113.5/32", "no address fd76:706e::2",
                 "no address 192.168.192.1", "close " + name});
    cr_assert_eq(s.did("destroy " + name), t->destroys);
    if (t->destroys) cr_order(s, {"close " + name, "destroy " + name});
    cr_assert(s.state() == before, "%s:\n%s", t->name.data(), s.state().c_str());
    cr_assert(s.names_in("/var/db/vpnd").empty());
  }
}

// What the order is for: a device that is closed first leaves NetBSD without a way out.
Test(bsd_machine, the_made_up_netbsd_keeps_routes_of_a_closed_device) {
  for (const bsd::Traits* t : kAllSystems) {
    FakeSystem s(*t);
    Run run;
    run.apply(full_client(run.name));
    s.close(run.tunnel->descriptor());
    cr_assert_eq(s.route("0.0.0.0/1") != nullptr, t == &bsd::kNetBsd);
  }
}

Test(bsd_machine, a_failure_at_any_step_leaves_nothing) {
  for (const bsd::Traits* t : kAllSystems) {
    for (const bool v6 : {true, false}) {
      int failures = 0;
      for (int n = 1;; ++n) {
        FakeSystem s(*t);
        const std::string before = s.state();
        s.fail_at = n;
        std::size_t steps = 0;
        try {
          Run run;
          run.apply(full_client(run.name, v6));
          steps = s.done.size();
          s.fail_at = 0;
        } catch (const Error& e) {
          ++failures;
          cr_assert(e.errnum() == ENOMEM, "%s", e.what());
        }
        cr_assert(s.state() == before, "%s, step %d:\n%s", t->name.data(), n, s.state().c_str());
        cr_assert(s.names_in("/var/db/vpnd").empty(), "%s, step %d", t->name.data(), n);
        if (steps != 0 && steps < static_cast<std::size_t>(n)) break;
      }
      // All but those of the resolver file, without which a tunnel does.
      cr_assert_geq(failures, v6 ? 9 : 8, "%s: %d", t->name.data(), failures);
    }
  }
}

// Whatever cannot be taken back, the rest is, and the next start sees to what was left.
Test(bsd_machine, a_failure_while_taking_back_leaves_only_that) {
  for (const bsd::Traits* t : kAllSystems) {
    std::size_t steps = 0;
    for (std::size_t n = 1; n == 1 || n <= steps; ++n) {
      FakeSystem s(*t);
      const std::string before = s.state();
      {
        Run run;
        run.apply(full_client(run.name));
        s.fail_at = static_cast<int>(s.done.size() + n);
        s.done.clear();
      }
      steps = s.done.size();
      for (const char* step : {"rename /etc/resolv.conf", "delete 8000::/1", "delete 0.0.0.0/1",
                               "delete 203.0.113.5/32"}) {
        cr_assert(s.did(step), "%s, step %zu: not \"%s\"", t->name.data(), n, step);
      }
      cr_assert(s.did("close " + device_of(*t)), "%s, step %zu", t->name.data(), n);
      s.fail_at = 0;
      { const Run next; }
      // A device that would not go does no harm, and nobody may take it for his.
      const auto left = s.interfaces.find(device_of(*t));
      if (left != s.interfaces.end()) {
        cr_assert(!left->second.up && left->second.addresses.empty(), "%s", t->name.data());
        s.interfaces.erase(left);
      }
      cr_assert(s.state() == before, "%s, step %zu:\n%s", t->name.data(), n, s.state().c_str());
      cr_assert(s.names_in("/var/db/vpnd").empty(), "%s, step %zu", t->name.data(), n);
    }
    cr_assert_geq(steps, 9u);
  }
}

Test(bsd_machine, a_server_in_order_and_back) {
  for (const bsd::Traits* t : kAllSystems) {
    FakeSystem s(*t);
    const std::string before = s.state();
    {
      Run run;
      run.apply(plan::plan_server(server_config(run.name)));
      cr_order(s, {"open " + run.name, "address 192.168.192.254 peer 192.168.192.1",
                   "add 192.168.192.0/24 192.168.192.1", "address fd76:706e::1 peer fd76:706e::2",
                   "add fd76:706e::/64 fd76:706e::2", "forwarding v4 1", "forwarding v6 1"});
      cr_assert(s.forwarding_v4 == 1 && s.forwarding_v6 == 1);
      cr_assert(run.machine.intact());
      s.forwarding_v4 = 0;
      cr_assert(run.machine.intact(), "a setting is the administrator's to change");
      cr_assert(missing(run.machine.check(run.current), "forwarding of IPv4"));
    }
    cr_assert(s.state() == before, "%s", s.state().c_str());
    s.forwarding_v4 = 1;
    const std::string router = s.state();
    { Run(std::string{}).apply(plan::plan_server(server_config(device_of(*t)))); }
    cr_assert(s.state() == router, "it forwarded before, and goes on");
  }
}

Test(bsd_machine, the_last_of_two_servers_turns_forwarding_off) {
  FakeSystem s(bsd::kFreeBsd);
  auto first = std::make_unique<Run>();
  first->apply(plan::plan_server(server_config(first->name)));
  auto config = server_config("tun1");
  config.address_v4 = address("10.9.0.1");
  config.pool_v4 = prefix("10.9.0.0/24");
  config.v6 = plan::ServerConfig::V6::off;
  auto second = std::make_unique<Run>();
  cr_assert_eq(second->name, "tun1");
  second->apply(plan::plan_server(config));
  first.reset();
  cr_assert(s.forwarding_v4 == 1 && s.forwarding_v6 == 0);
  second.reset();
  cr_assert_eq(s.forwarding_v4, 0);
}

Test(bsd_machine, a_name_that_no_device_can_have_becomes_one_that_it_can) {
  for (const bsd::Traits* t : kAllSystems) {
    FakeSystem s(*t);
    s.interfaces[device_of(*t)].index = 77;  // somebody else's
    const Run run("home");
    cr_assert_eq(run.name, device_of(*t, 1));
    const Run third(device_of(*t, 5));
    cr_assert_eq(third.name, device_of(*t, 5));
    cr_assert(!s.did("destroy " + device_of(*t)));
  }
}

Test(bsd_machine, a_name_is_held_by_one_process) {
  FakeSystem s(bsd::kOpenBsd);
  const Run first("tun3");
  try {
    const Run second("tun3");
    cr_assert(false);
  } catch (const Error& e) {
    cr_assert(e.code() == Exit::temporary);
  }
  const Run other;
  cr_assert_eq(other.name, "tun0");
}

Test(bsd_machine, a_device_that_is_in_use_is_left_alone) {
  for (const bsd::Traits* t : kAllSystems) {
    FakeSystem s(*t);
    const std::string before = s.state();
    s.busy = {device_of(*t, 4)};
    try {
      const Run run(device_of(*t, 4));
      cr_assert(false);
    } catch (const Error& e) {
      cr_assert(e.code() == Exit::temporary);
    }
    cr_assert(s.state() == before);
  }
}

Test(bsd_machine, a_resolver_that_cannot_be_set_does_not_keep_a_tunnel_down) {
  FakeSystem s(bsd::kFreeBsd);
  Run run;
  auto config = client_config(run.name);
  config.dns.mode = plan::DnsMode::resolved;
  run.apply(client_plan(config, lease()));
  const host::Presence presence = run.machine.check(run.current);
  cr_assert(presence.dns.starts_with("not set: "));
  // It is no change of ours, and none that somebody removed.
  cr_assert(presence.missing.empty() && presence.made == presence.present);
  cr_assert_eq(run.machine.changes(), presence.made);
  cr_assert(!s.did("write /etc/resolv.conf"));
  cr_assert(s.route("0.0.0.0/1") != nullptr);
}

Test(bsd_machine, resolvers_for_names_before_there_is_a_tunnel) {
  FakeSystem s(bsd::kFreeBsd);
  Run run;
  run.apply(full_client(run.name));
  cr_assert(run.machine.outer_resolvers() == std::vector{address("192.0.2.53")});
  s.files["/etc/.resolv.conf.before-vpnd"] = "nameserver 127.0.0.1\n";
  cr_assert(run.machine.outer_resolvers() == std::vector{address("127.0.0.1")});
}

Test(bsd_machine, ipv6_is_there_where_an_interface_has_it) {
  FakeSystem s(bsd::kFreeBsd);
  cr_assert(host::Machine(kPlaces).has_v6());
  for (auto& [name, i] : s.interfaces) {
    std::erase_if(i.addresses, [](const auto& a) { return !a.first.address.is_v4(); });
  }
  cr_assert(!host::Machine(kPlaces).has_v6());
}

Test(bsd_machine, what_a_plan_would_do_changes_nothing) {
  for (const bsd::Traits* t : kAllSystems) {
    FakeSystem s(*t);
    const auto plan = full_client(device_of(*t), false);
    const plan::Lowered lowered = host::lowered(plan);
    cr_assert(s.done.empty());
    cr_assert_eq(lowered.changes.size(), 8u);
    cr_assert_eq(lowered.changes[2].what, "+ route 203.0.113.5/32 via 192.0.2.1, past the tunnel");
    cr_assert_eq(lowered.changes[2].commands, "route add -inet 203.0.113.5/32 192.0.2.1\n");
    cr_assert_eq(lowered.changes[5].commands, "route add -inet6 ::/1 ::1 -reject\n");
    cr_assert(!lowered.warnings.empty());
    cr_assert(plan::commands(plan, lowered).find("ifconfig " + device_of(*t)) != std::string::npos);
  }
}
