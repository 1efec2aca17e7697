// SPDX-License-Identifier: ISC
// A machine that moves, other programs that make and remove routes, leases that change.
#include <criterion/criterion.h>

#include <algorithm>
#include <cerrno>
#include <functional>

#include "core/base/error.h"
#include "tests/unit/bsd/plans.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

constexpr const char* kServer = "203.0.113.5";

plan::Plan full_client(const std::string& interface, bool v6 = true) {
  return client_plan(client_config(interface), lease(v6));
}

// The network changed; the keeper looks.
void look(Run& run) {
  run.go_over(plan::Plan(run.current));
}

std::string router_to(const FakeSystem& s, const char* to) {
  const FakeRoute* const r = s.route(to);
  return r == nullptr                        ? "(none)"
         : (r->flags & bsd::kRtfReject) != 0 ? "refused"
                                             : r->hop.router->text();
}

FakeRoute foreign(const char* to, const char* router) {
  const Prefix p = prefix(to);
  const std::uint32_t host = p.length == p.address.bits() ? bsd::kRtfHost : 0;
  return {p, {address(router)}, bsd::kRtfUp | bsd::kRtfGateway | bsd::kRtfStatic | host, 1};
}

int errnum_of(const std::function<void()>& act) {
  try {
    act();
    return 0;
  } catch (const Error& e) {
    return e.errnum() != 0 ? e.errnum() : -1;
  }
}

}  // namespace

Test(bsd_moving, the_route_to_the_server_follows_the_gateway) {
  for (const bsd::Traits* t : kAllSystems) {
    FakeSystem s(*t);
    const std::string before = s.state();
    {
      Run run;
      run.apply(full_client(run.name));
      const std::string way = run.machine.way_to({address(kServer), 443}, kDefaultFwmark);
      cr_assert_eq(way, "via 192.0.2.1 dev em0");
      s.done.clear();
      look(run);
      cr_assert(s.done.empty(), "nothing has changed");
      s.set_default(Family::v4, "192.0.2.2");
      look(run);
      cr_assert_eq(router_to(s, kServer), "192.0.2.2");
      cr_assert_neq(run.machine.way_to({address(kServer), 443}, kDefaultFwmark), way);
      cr_assert(s.did("change 203.0.113.5/32 192.0.2.2"), "with no moment without");
      cr_assert(!s.did("delete 203.0.113.5/32"));
      cr_assert(run.machine.intact());
      s.set_default(Family::v4, "192.0.2.1");
    }
    cr_assert(s.state() == before, "%s", s.state().c_str());
  }
}

Test(bsd_moving, a_kernel_that_does_not_change_routes_has_them_made_anew) {
  for (const bsd::Traits* t : kAllSystems) {
    FakeSystem s(*t);
    Run run;
    run.apply(full_client(run.name));
    s.set_default(Family::v4, "192.0.2.2");
    s.fail_at = static_cast<int>(s.done.size()) + 2;  // after the attempt to add it
    s.done.clear();
    look(run);
    cr_assert_eq(router_to(s, kServer), "192.0.2.2");
    cr_assert((s.route(kServer)->flags & bsd::kRtfOurs) != 0);
  }
}

Test(bsd_moving, without_a_gateway_the_server_is_refused_until_there_is_one) {
  for (const bsd::Traits* t : kAllSystems) {
    FakeSystem s(*t);
    Run run;
    run.apply(full_client(run.name));
    s.set_default(Family::v4, "");
    look(run);
    cr_assert_eq(router_to(s, kServer), "refused");
    cr_assert_eq(run.machine.way_to({address(kServer), 443}, kDefaultFwmark), "");
    cr_assert(run.machine.intact());
    s.set_default(Family::v4, "192.0.2.3");
    look(run);
    cr_assert_eq(router_to(s, kServer), "192.0.2.3");
  }
}

Test(bsd_moving, a_router_of_one_link_keeps_its_link) {
  for (const bsd::Traits* t : kAllSystems) {
    FakeSystem s(*t);
    s.set_default(Family::v6, "");
    s.routes.push_back({prefix("::/0"), {address("fe80::1"), 0, 1}, 0x803, 1});
    s.routes.push_back({prefix("fe80::/64"), {std::nullopt, 1}, 1, 1});
    Run run;
    run.apply(client_plan(client_config(run.name), lease(), "2001:db8:7::7"));
    const FakeRoute* const r = s.route("2001:db8:7::7");
    cr_assert(r != nullptr && r->hop.router == address("fe80::1") && r->hop.scope == 1);
  }
}

Test(bsd_moving, routes_that_a_link_took_with_it_come_again) {
  for (const bsd::Traits* t : kAllSystems) {
    FakeSystem s(*t);
    Run run;
    run.apply(full_client(run.name));
    std::erase_if(s.routes, [](const FakeRoute& r) { return r.to == prefix(kServer); });
    look(run);
    cr_assert_eq(router_to(s, kServer), "192.0.2.1");
  }
}

Test(bsd_moving, what_others_remove_is_seen_and_put_back) {
  for (const bsd::Traits* t : kAllSystems) {
    FakeSystem s(*t);
    Run run;
    run.apply(full_client(run.name));
    for (const char* to : {"0.0.0.0/1", "8000::/1"}) {
      std::erase_if(s.routes, [to](const FakeRoute& r) { return r.to == prefix(to); });
    }
    cr_assert(!run.machine.intact());
    const host::Repair done = run.machine.repair({});
    cr_assert(done.failure.empty(), "%s", done.failure.c_str());
    cr_assert_eq(done.put_back.size(), 2u);
    cr_assert(run.machine.intact());
  }
}

Test(bsd_moving, a_device_that_was_removed_comes_again_with_all_that_hung_on_it) {
  for (const bsd::Traits* t : kAllSystems) {
    FakeSystem s(*t);
    Run run;
    run.apply(full_client(run.name));
    s.close(run.tunnel->descriptor());
    s.interfaces.erase(run.name);
    cr_assert(!run.tunnel->alive());
    run.tunnel.reset();
    run.tunnel.emplace(run.name);
    const host::Repair done = run.machine.repair(run.name);
    cr_assert(done.failure.empty(), "%s: %s", t->name.data(), done.failure.c_str());
    cr_assert(run.machine.intact() && run.tunnel->alive());
    cr_assert_eq(s.route("0.0.0.0/1")->interface, s.index_of(run.name));
    cr_assert_eq(s.interfaces.at(run.name).mtu, 1420u);
  }
}

// EEXIST: ours is taken over, somebody else's is not.
Test(bsd_moving, a_route_that_exists) {
  for (const bsd::Traits* t : kAllSystems) {
    FakeSystem s(*t);
    s.routes.push_back(foreign("128.0.0.0/1", "192.0.2.66"));
    const std::string before = s.state();
    const int why = errnum_of([] {
      Run run;
      run.apply(full_client(run.name));
    });
    cr_assert_eq(why, EEXIST);
    cr_assert(s.state() == before, "%s:\n%s", t->name.data(), s.state().c_str());
  }
}

Test(bsd_moving, a_way_to_the_server_that_exists_is_left_alone) {
  for (const bsd::Traits* t : kAllSystems) {
    FakeSystem s(*t);
    s.routes.push_back(foreign(kServer, "192.0.2.66"));
    const std::string before = s.state();
    {
      Run run;
      run.apply(full_client(run.name));
      cr_assert(run.machine.intact());
      cr_assert_eq(router_to(s, kServer), "192.0.2.66");
    }
    cr_assert(s.state() == before, "%s", s.state().c_str());
  }
}

Test(bsd_moving, an_excluded_network_that_has_a_route_keeps_it) {
  FakeSystem s(bsd::kFreeBsd);
  s.routes.push_back(foreign("10.0.0.0/8", "192.0.2.66"));
  const std::string before = s.state();
  {
    Run run;
    auto config = client_config(run.name);
    config.exclude = {prefix("10.0.0.0/8")};
    run.apply(client_plan(config, lease()));
    cr_assert_eq(router_to(s, "10.0.0.0/8"), "192.0.2.66");
    cr_assert(run.machine.intact());
  }
  cr_assert(s.state() == before, "%s", s.state().c_str());
}

// ESRCH: whoever was faster has done our work.
Test(bsd_moving, what_is_gone_already_is_no_failure) {
  for (const bsd::Traits* t : kAllSystems) {
    FakeSystem s(*t);
    const std::string before = s.state();
    {
      Run run;
      run.apply(full_client(run.name));
      std::erase_if(s.routes, [](const FakeRoute& r) { return (r.flags & bsd::kRtfOurs) != 0; });
    }
    cr_assert(s.state() == before, "%s", s.state().c_str());
    cr_assert(s.names_in("/var/db/vpnd").empty());
  }
}

Test(bsd_moving, what_somebody_else_put_in_our_place_is_not_removed) {
  for (const bsd::Traits* t : kAllSystems) {
    FakeSystem s(*t);
    {
      Run run;
      run.apply(full_client(run.name));
      std::erase_if(s.routes, [](const FakeRoute& r) { return r.to == prefix("0.0.0.0/1"); });
      s.routes.push_back(foreign("0.0.0.0/1", "192.0.2.66"));
    }
    cr_assert_eq(router_to(s, "0.0.0.0/1"), "192.0.2.66");
  }
}

// NetBSD would take such a route without complaint.
Test(bsd_moving, a_gateway_that_nobody_reaches_is_an_error_everywhere) {
  for (const bsd::Traits* t : kAllSystems) {
    FakeSystem s(*t);
    const std::string before = s.state();
    const int why = errnum_of([] {
      Run run;
      auto config = client_config(run.name);
      config.gateway = address("198.18.0.1");
      run.apply(client_plan(config, lease()));
    });
    cr_assert_eq(why, ENETUNREACH, "%s: %d", t->name.data(), why);
    cr_assert(s.state() == before, "%s", s.state().c_str());
  }
}

Test(bsd_moving, another_lease) {
  for (const bsd::Traits* t : kAllSystems) {
    FakeSystem s(*t);
    const std::string before = s.state();
    {
      Run run;
      run.apply(full_client(run.name));
      wire::Lease next = lease();
      next.client_v4 = prefix("192.168.192.9/24");
      run.go_over(client_plan(client_config(run.name), next));
      const auto& addresses = s.interfaces.at(run.name).addresses;
      cr_assert_eq(addresses.size(), 2u);
      cr_assert(std::ranges::any_of(
          addresses, [](const auto& a) { return a.first.address == address("192.168.192.9"); }));
      cr_assert(run.machine.intact(), "%s", s.state().c_str());
      next.server_v4 = next.dns_v4 = address("192.168.192.200");
      next.mtu = 1300;
      run.go_over(client_plan(client_config(run.name), next));
      cr_assert_eq(router_to(s, "0.0.0.0/1"), "192.168.192.200");
      cr_assert_eq(s.interfaces.at(run.name).mtu, 1300u);
      cr_assert(run.machine.intact(), "%s", s.state().c_str());
      // And a server that has no IPv6 any more.
      run.go_over(client_plan(client_config(run.name), lease(false)));
      cr_assert_eq(router_to(s, "::/1"), "refused");
      cr_assert(run.machine.intact(), "%s", s.state().c_str());
    }
    cr_assert(s.state() == before, "%s:\n%s", t->name.data(), s.state().c_str());
  }
}

Test(bsd_moving, a_change_that_fails_leaves_the_old_plan) {
  for (const bsd::Traits* t : kAllSystems) {
    bool failed = false;
    for (int n = 1; n < 40; ++n) {
      FakeSystem s(*t);
      const std::string before = s.state();
      {
        Run run;
        run.apply(full_client(run.name));
        const std::string applied = s.state();
        auto next = lease(false);
        next.client_v4 = prefix("192.168.192.9/24");
        next.server_v4 = next.dns_v4 = address("192.168.192.200");
        const plan::Plan plan = client_plan(client_config(run.name), next);
        s.fail_at = static_cast<int>(s.done.size()) + n;
        s.done.clear();
        const int why = errnum_of([&] { run.go_over(plan); });
        s.fail_at = 0;
        if (why == 0) {
          cr_assert(s.state() != applied && run.machine.intact());
        } else {
          failed = true;
          cr_assert(s.state() == applied, "%s, step %d:\n%s\n\n%s", t->name.data(), n,
                    s.state().c_str(), applied.c_str());
        }
      }
      cr_assert(s.state() == before, "%s, step %d:\n%s", t->name.data(), n, s.state().c_str());
    }
    cr_assert(failed);
  }
}

Test(bsd_moving, nothing_before_the_first_session_and_all_after) {
  FakeSystem s(bsd::kNetBsd);
  Run run;
  const auto config = client_config(run.name);
  const std::string before = s.state();
  run.apply(
      plan::plan_client(config, {{address(kServer), 443}}, nullptr, plan::Posture::connecting));
  cr_assert(s.state() == before);
  run.go_over(full_client(run.name));
  cr_assert_eq(run.machine.changes(), 9u);
  cr_assert(run.machine.intact());
}

Test(bsd_moving, two_clients_do_not_take_each_others_routes) {
  FakeSystem s(bsd::kFreeBsd);
  Run first;
  first.apply(full_client(first.name));
  const std::string applied = s.state();
  auto other = lease();
  other.client_v4 = prefix("10.5.0.2/24");
  other.server_v4 = address("10.5.0.1");
  other.client_v6 = prefix("fd55::2/64");
  other.server_v6 = address("fd55::1");
  const int why = errnum_of([&] {
    Run second;
    second.apply(client_plan(client_config(second.name), other, "198.51.100.1"));
  });
  cr_assert_neq(why, 0);
  cr_assert(s.state() == applied, "%s", s.state().c_str());
}

// The way to a server that two tunnels have is the first one's; the second one does not take it
// away, and makes it anew when it is missing.
Test(bsd_moving, two_clients_of_one_server) {
  for (const bsd::Traits* t : kAllSystems) {
    FakeSystem s(*t);
    const std::string before = s.state();
    const auto client = [](const std::string& name, const char* net, const wire::Lease& l) {
      auto config = client_config(name);
      config.full = false;
      config.include = {prefix(net)};
      return client_plan(config, l);
    };
    auto other = lease(false);
    other.client_v4 = prefix("10.5.0.2/24");
    other.server_v4 = address("10.5.0.1");
    other.dns_v4 = other.server_v4;
    std::optional<Run> first(std::in_place), second;
    first->apply(client(first->name, "203.0.112.0/20", lease(false)));
    cr_assert_eq(router_to(s, kServer), "192.0.2.1");
    second.emplace();
    second->apply(client(second->name, "203.0.113.0/24", other));
    second.reset();
    cr_assert_eq(router_to(s, kServer), "192.0.2.1");
    cr_assert(first->machine.intact());
    second.emplace();
    second->apply(client(second->name, "203.0.113.0/24", other));
    first.reset();
    cr_assert_eq(router_to(s, kServer), "(none)");
    cr_assert(!second->machine.intact());
    cr_assert(second->machine.repair({}).failure.empty());
    cr_assert_eq(router_to(s, kServer), "192.0.2.1");
    second.reset();
    cr_assert(s.state() == before, "%s:\n%s", t->name.data(), s.state().c_str());
  }
}
