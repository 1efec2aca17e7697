// SPDX-License-Identifier: ISC
// The keeper's decisions, with a machine that only remembers.

#include "core/plan/keeper.h"

#include <criterion/criterion.h>

#include <algorithm>

#include "core/plan/lease_policy.h"
#include "tests/fake/fake_host.h"
#include "tests/fake/said.h"

using namespace vpnd;
using namespace vpnd::plan;
using namespace std::chrono_literals;
using engine::ClientState;
using fake::client_config;
using fake::kills;
using fake::kServer;
using fake::only;
using fake::server_config;

namespace {

wire::Lease good_lease() {
  wire::Lease l = fake::lease_v4();
  l.client_v6 = *Prefix::parse("fd00:1:2:3::1/64");
  l.server_v6 = *Address::parse("fd00:1:2:3::fffe");
  return l;
}

struct Bench {
  host::Machine machine{host::Places{}};
  Keeper keeper;
  TimePoint now{1h};
  explicit Bench(Config config) : keeper(machine, std::move(config), kServer) {}

  Actions say(const ToKeeper& m) { return keeper.from_engine(m, now); }
  void start() {
    keeper.prepare();
    keeper.engine_started(now);
    say(to_keeper::Ready{true, 0});
  }
  Actions become(const wire::Lease& l) { return say(to_keeper::Became{ClientState::up, l}); }
};

}  // namespace

Test(keeper, a_client_is_behind_the_wall_before_its_lease_and_no_more) {
  Bench b{client_config()};
  b.start();
  cr_assert_eq(fake::standing().size(), 2u, "the device and the wall");
  cr_assert(fake::standing()[1].find("wall") != std::string::npos);
  cr_assert(b.become(good_lease()).empty());
  cr_assert_gt(fake::standing().size(), 3u);
  b.keeper.revert();
  cr_assert(fake::standing().empty());
}

Test(keeper, a_throw_at_every_call_leaves_the_machine_empty) {
  for (const bool server : {false, true}) {
    unsigned total = 0;
    for (unsigned k = 0; k <= total; ++k) {
      fake::fail_at(k);
      bool failed = false;
      {
        Bench b{server ? Config{server_config()} : Config{client_config()}};
        try {
          b.start();
          const Actions out = server ? Actions{} : b.become(good_lease());
          failed = only<action::Finish>(out) != nullptr;
        } catch (const Error&) {
          failed = true;
        }
        if (k == 0) total = fake::calls();
        cr_assert_eq(failed, k != 0, "call %u", k);
        if (failed) b.keeper.revert();
        if (failed) cr_assert(fake::standing().empty(), "call %u left something", k);
      }
      cr_assert(fake::standing().empty(), "call %u outlived its keeper", k);
    }
    cr_assert_gt(total, 3u);
  }
}

Test(keeper, a_failed_change_of_lease_keeps_the_old_plan_until_the_end) {
  Bench b{client_config()};
  b.start();
  b.become(good_lease());
  const auto before = fake::standing();
  auto other = good_lease();
  other.client_v4.address = Address::v4(192, 168, 192, 9);
  fake::fail_at(2);
  const auto out = b.become(other);
  cr_assert(only<action::Finish>(out) != nullptr);
  cr_assert(fake::standing() == before);
}

Test(keeper, the_same_network_again_touches_nothing) {
  Bench b{client_config()};
  b.start();
  b.become(good_lease());
  fake::fail_at(1);  // any call would throw
  auto again = good_lease();
  again.seconds = 7;
  again.cookie[3] = 9;
  cr_assert(b.become(again).empty());
  cr_assert_eq(fake::calls(), 0u);
}

Test(keeper, leases_beyond_the_configuration_are_refused) {
  const auto refused = [](auto change) {
    Bench b{client_config()};
    b.start();
    auto l = good_lease();
    change(l);
    const auto out = b.become(l);
    const auto* end = only<action::Finish>(out);
    return end != nullptr && end->code == Exit::protocol && fake::standing().size() == 2;
  };
  cr_assert_not(refused([](wire::Lease&) {}));
  cr_assert(refused([](wire::Lease& l) { l.mtu = 575; }));
  cr_assert(refused([](wire::Lease& l) { l.mtu = 9001; }));
  cr_assert(refused([](wire::Lease& l) { l.mtu = 1279; }), "too small for its IPv6");
  cr_assert(refused([](wire::Lease& l) { l.client_v4.address = Address::v4(127, 0, 0, 1); }));
  cr_assert(refused([](wire::Lease& l) { l.client_v4.address = Address::v4(224, 0, 0, 1); }));
  cr_assert(refused([](wire::Lease& l) { l.client_v4.address = Address(); }));
  cr_assert(refused([](wire::Lease& l) { l.server_v4 = Address::v4(255, 255, 255, 255); }));
  cr_assert(refused([](wire::Lease& l) { l.server_v4 = l.client_v4.address; }));
  cr_assert(refused([](wire::Lease& l) { l.client_v6.address = *Address::parse("::1"); }));
  cr_assert(refused([](wire::Lease& l) { l.client_v6.address = *Address::parse("ff02::1"); }));
  cr_assert(refused([](wire::Lease& l) { l.server_v6 = *Address::parse("::ffff:8.8.8.8"); }));
  cr_assert(refused([](wire::Lease& l) { l.server_v6 = *Address::parse("fe80::1"); }));
  cr_assert(refused([](wire::Lease& l) { l.dns_v4 = Address::v4(127, 0, 0, 53); }));
  cr_assert(refused([](wire::Lease& l) { l.dns_v4 = Address::v4(255, 255, 255, 255); }));
  cr_assert(refused([](wire::Lease& l) { l.dns_v6 = *Address::parse("::1"); }));
  cr_assert(refused([](wire::Lease& l) { l.dns_v6 = *Address::parse("ff02::fb"); }));
  cr_assert(refused([](wire::Lease& l) { l.dns_v4 = l.client_v4.address; }), "ourselves");
  cr_assert(refused([](wire::Lease& l) { l.dns_v6 = l.client_v6.address; }), "ourselves");
  cr_assert(refused([](wire::Lease& l) { l.dns_v4 = Address::v4(203, 0, 113, 7); }), "outside");
  cr_assert_not(refused([](wire::Lease& l) { l.dns_v4 = l.server_v4; }));
  cr_assert_not(refused([](wire::Lease& l) { l.dns_v4 = Address::v4(10, 0, 0, 53); }));
  cr_assert_not(refused([](wire::Lease& l) { l.dns_v6 = *Address::parse("2620:fe::fe"); }));
}

Test(keeper, an_explicit_request_binds) {
  auto config = client_config();
  config.local_v4 = Address::v4(192, 168, 192, 2);
  cr_assert(refusal(config, {}, good_lease()).has_value());
  config.local_v4 = Address::v4(192, 168, 192, 1);
  cr_assert_not(refusal(config, {}, good_lease()).has_value());
  config.remote_v4 = Address::v4(192, 168, 192, 253);
  cr_assert(refusal(config, {}, good_lease()).has_value());
}

Test(keeper, what_may_not_come_now_ends_the_engine) {
  Bench b{client_config()};
  b.keeper.prepare();
  b.keeper.engine_started(b.now);
  cr_assert(kills(b.become(good_lease())), "before it was ready");
  cr_assert(kills(b.say(engine::Dial{{0, 0}, 0})));
  b.say(to_keeper::Ready{});
  cr_assert(kills(b.say(to_keeper::Ready{})), "ready twice");
  cr_assert(kills(b.say(engine::Dial{{0, 0}, 1})), "there is one endpoint");
  cr_assert(kills(b.say(to_keeper::Stopped{})), "nobody stopped it");
  cr_assert(kills(b.say(to_keeper::ReportRows{{engine::PeerReport{}}})), "none announced");
  Bench s{server_config()};
  s.start();
  cr_assert(kills(s.say(engine::Dial{{0, 0}, 0})), "a server does not connect");
  cr_assert(kills(s.become(good_lease())));
  cr_assert(kills(s.say(engine::KeepCookie{})));
}

Test(keeper, connects_only_to_its_own_endpoints_and_not_without_end) {
  Bench b{client_config()};
  b.start();
  unsigned dialled = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto out = b.say(engine::Dial{{0, 0}, 0});
    if (const auto* dial = only<action::Dial>(out)) {
      ++dialled;
      cr_assert(dial->to == kServer.front());
    } else {
      cr_assert(only<action::Refuse>(out) != nullptr);
    }
  }
  cr_assert_eq(dialled, 64u);
  b.now += 1s;
  cr_assert(only<action::Dial>(b.say(engine::Dial{{0, 0}, 0})) != nullptr);
}

Test(keeper, restarts_at_once_then_with_patience_then_at_once_again) {
  Bench b{client_config()};
  b.start();
  const auto dies_after = [&b](Duration alive) {
    b.keeper.engine_started(b.now);
    b.say(to_keeper::Ready{});
    b.now += alive;
    const auto out = b.keeper.engine_lost(b.now);
    const auto* start = only<action::StartEngine>(out);
    cr_assert(start != nullptr);
    return start->at - b.now;
  };
  cr_assert(dies_after(1ms) == 0s);
  cr_assert(dies_after(1ms) == 200ms);
  cr_assert(dies_after(1ms) == 400ms);
  for (int i = 0; i < 8; ++i) dies_after(1ms);
  cr_assert(dies_after(1ms) == 5s);
  cr_assert(dies_after(11s) == 0s);
}

Test(keeper, gives_up_on_an_engine_that_never_gets_ready) {
  Bench b{client_config()};
  b.keeper.prepare();
  for (int i = 0; i < 4; ++i) {
    b.keeper.engine_started(b.now);
    cr_assert(only<action::StartEngine>(b.keeper.engine_lost(b.now)) != nullptr);
  }
  b.keeper.engine_started(b.now);
  const auto out = b.keeper.engine_lost(b.now);
  cr_assert(only<action::Finish>(out) != nullptr);
  cr_assert(only<action::Finish>(out)->code == Exit::software);
}

Test(keeper, a_new_engine_inherits_cookie_device_and_addresses) {
  Bench b{client_config()};
  b.start();
  b.become(good_lease());
  wire::CookieBytes cookie{};
  cookie[0] = 42;
  b.say(engine::KeepCookie{cookie});
  const auto before = fake::standing();
  b.keeper.engine_lost(b.now);
  cr_assert(fake::standing() == before);
  b.keeper.engine_started(b.now);
  const auto out = b.say(to_keeper::Ready{});
  cr_assert(only<action::SendTun>(out) != nullptr);
  cr_assert(b.keeper.was_up());
  cr_assert(b.keeper.cookie() == cookie);
}

Test(keeper, stops_in_every_state) {
  Bench ready{client_config()};
  ready.start();
  cr_assert(only<action::SendStop>(ready.keeper.stop(ready.now)) != nullptr);
  cr_assert(only<action::Finish>(ready.say(to_keeper::Stopped{})) != nullptr);
  Bench twice{client_config()};
  twice.start();
  twice.keeper.stop(twice.now);
  cr_assert(only<action::Finish>(twice.keeper.stop(twice.now)) != nullptr);
  Bench starting{client_config()};
  starting.keeper.prepare();
  starting.keeper.engine_started(starting.now);
  cr_assert(starting.keeper.stop(starting.now).empty());
  cr_assert(only<action::SendStop>(starting.say(to_keeper::Ready{})) != nullptr);
  Bench between{client_config()};
  between.start();
  between.keeper.engine_lost(between.now);
  cr_assert(only<action::Finish>(between.keeper.stop(between.now)) != nullptr);
  Bench dying{client_config()};
  dying.start();
  dying.keeper.stop(dying.now);
  cr_assert(only<action::Finish>(dying.keeper.engine_lost(dying.now)) != nullptr);
}

Test(keeper, an_end_carries_its_words) {
  Bench b{client_config()};
  b.start();
  const auto out = b.say(engine::Ended{Exit::protocol, "no session", "compare keys"});
  const auto* end = only<action::Finish>(out);
  cr_assert(end != nullptr && end->code == Exit::protocol);
  cr_assert(end->line == "no session" && end->remedy == "compare keys");
}

Test(keeper, a_report_is_complete_with_its_last_row) {
  Bench b{server_config()};
  b.start();
  to_keeper::ReportHead head;
  head.report.server = true;
  head.rows = 17;
  b.say(head);
  b.say(to_keeper::ReportRows{std::vector<engine::PeerReport>(16)});
  cr_assert_eq(b.keeper.reports(), 0u);
  b.say(to_keeper::ReportRows{std::vector<engine::PeerReport>(1)});
  cr_assert_eq(b.keeper.reports(), 1u);
  const Status status = b.keeper.status();
  cr_assert_eq(status.report.peers.size(), 17u);
  cr_assert_eq(status.changes_made, status.changes_present);
  cr_assert_gt(status.changes_made, 0u);
  cr_assert(kills(b.say(to_keeper::ReportRows{std::vector<engine::PeerReport>(1)})));
}

Test(keeper, status_names_what_the_machine_does_without) {
  Bench b{server_config()};
  b.start();
  const auto named = [&b](const char* text) {
    return std::ranges::any_of(b.keeper.status().fallbacks, [text](const std::string& line) {
      return line.find(text) != std::string::npos;
    });
  };
  cr_assert_not(named("without an owner"));
  fake::owns_tables() = false;
  cr_assert(named("nft tables without an owner"));
}

Test(keeper, status_names_what_the_engine_could_not_give_up) {
  Bench b{server_config()};
  b.keeper.prepare();
  b.keeper.engine_started(b.now);
  b.say(to_keeper::Ready{true, static_cast<std::uint32_t>(Fallback::no_call_filter) |
                                   static_cast<std::uint32_t>(Fallback::no_file_ban)});
  const auto said = b.keeper.status().fallbacks;
  cr_assert_eq(said.size(), 2u);
  cr_assert(said[0].find("Landlock") != std::string::npos, "%s", said[0].c_str());
  cr_assert(said[1].find("seccomp") != std::string::npos, "%s", said[1].c_str());
}
