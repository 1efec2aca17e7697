// SPDX-License-Identifier: ISC
// What the keeper does about what others remove, and about a network that moves.

#include <criterion/criterion.h>

#include <algorithm>

#include "core/plan/keeper.h"
#include "tests/fake/fake_host.h"
#include "tests/support/plans.h"

using namespace vpnd;
using namespace vpnd::plan;
using namespace std::chrono_literals;
using engine::ClientState;

namespace {

std::string g_said;

void listen(Level, std::string_view line) {
  g_said += std::string(line) + "\n";
}

struct Bench {
  host::Machine machine{host::Places{}};
  Keeper keeper;
  TimePoint now{1h};
  std::vector<std::string> whole;

  explicit Bench(bool server = false)
      : keeper(machine, server ? Config{test::server_config()} : Config{test::client_config()},
               test::server_endpoints()) {
    g_said.clear();
    set_log(listen, Level::debug);
    keeper.prepare();
    keeper.engine_started(now);
    keeper.from_engine(to_keeper::Ready{true, 0}, now);
    if (!server) {
      keeper.from_engine(to_keeper::Became{ClientState::up, test::lease(true)}, now);
    }
    whole = sorted();
    cr_assert_gt(whole.size(), 3u);
  }
  ~Bench() {
    keeper.revert();
    cr_assert(fake::standing().empty(), "something outlived its keeper");
    set_log(nullptr, Level::info);
  }

  static std::vector<std::string> sorted() {
    auto all = fake::standing();
    std::ranges::sort(all);
    return all;
  }
  Actions look(const std::string& by = {}) { return keeper.look(now, by); }
  bool complete() const { return sorted() == whole; }
};

template<class A>
bool is_only(const Actions& actions) {
  return actions.size() == 1 && std::holds_alternative<A>(actions.front());
}

bool said(const char* text) {
  return g_said.find(text) != std::string::npos;
}

}  // namespace

Test(repair, what_is_gone_is_there_again) {
  for (const bool server : {false, true}) {
    Bench b(server);
    for (std::size_t i = 1; i < b.whole.size(); ++i) {
      fake::remove(i);
      cr_assert_not(b.complete());
      cr_assert(b.look("process 7 (rival)").empty());
      cr_assert(b.complete(), "thing %zu", i);
      b.now += 1min;
    }
    cr_assert(said("removed by process 7 (rival) and put back"), "%s", g_said.c_str());
    cr_assert_eq(b.keeper.status().repairs, b.whole.size() - 1);
  }
}

Test(repair, a_hint_without_a_reason_costs_nothing) {
  Bench b;
  fake::fail_at(1);  // any change would fail
  for (int i = 0; i < 1000; ++i) cr_assert(b.look().empty());
  cr_assert_eq(fake::calls(), 0u);
  cr_assert_eq(b.keeper.status().repairs, 0u);
  cr_assert(b.keeper.next_look() == kNever);
}

Test(repair, the_device_comes_again_with_all_that_hung_on_it_and_the_engine_gets_it) {
  Bench b;
  fake::remove(0);
  cr_assert(is_only<action::SendTun>(b.look()));
  cr_assert(b.complete());
  cr_assert(b.keeper.tunnel() != nullptr);
}

Test(repair, a_device_that_goes_before_the_first_lease_comes_again_too) {
  host::Machine machine{host::Places{}};
  Keeper keeper(machine, test::client_config(), test::server_endpoints());
  const TimePoint now{1h};
  keeper.prepare();
  keeper.engine_started(now);
  const auto before = fake::standing().size();
  fake::remove(0);
  cr_assert_lt(fake::standing().size(), before);
  cr_assert(keeper.look(now, {}).empty(), "an engine that is not ready gets it when it is");
  cr_assert_eq(fake::standing().size(), before);
  keeper.from_engine(to_keeper::Ready{}, now);
  fake::remove(0);
  // The lease comes before the news of the removal.
  const auto out = keeper.from_engine(to_keeper::Became{ClientState::up, test::lease(true)}, now);
  cr_assert(is_only<action::SendTun>(out));
  cr_assert_gt(fake::standing().size(), before);
  keeper.revert();
}

Test(repair, a_fight_ends_after_five_and_goes_on_after_a_rest) {
  Bench b;
  unsigned repaired = 0;
  for (int i = 0; i < 50; ++i) {
    fake::remove(2);
    b.look("process 7 (rival)");
    if (!b.complete()) break;
    ++repaired;
    b.now += 20ms;
  }
  cr_assert_eq(repaired, 5u);
  cr_assert(said("left alone for 10 s") && said("(rival)"), "%s", g_said.c_str());
  cr_assert(b.keeper.status().repairs_rest);
  g_said.clear();
  for (int i = 0; i < 50; ++i) b.look();
  cr_assert(g_said.empty(), "it is said once:\n%s", g_said.c_str());
  cr_assert_not(b.complete());

  const TimePoint again = b.keeper.next_look();
  cr_assert(again == b.now + 10s);
  b.now = again;
  b.look();
  cr_assert(b.complete());
  cr_assert_not(b.keeper.status().repairs_rest);
  cr_assert_eq(b.keeper.status().repairs, 6u);
}

Test(repair, a_dead_device_is_let_go_during_a_rest) {
  Bench b;
  for (int i = 0; i < 6; ++i) {
    fake::remove(0);
    b.look();
  }
  cr_assert(b.keeper.tunnel() == nullptr, "its descriptor would never let the loop sleep");
  b.now = b.keeper.next_look();
  cr_assert(is_only<action::SendTun>(b.look()));
  cr_assert(b.complete());
}

Test(repair, what_cannot_be_put_back_is_tried_again_and_said_once) {
  Bench b;
  fake::remove(2);
  fake::fail_at(1);
  b.look();
  cr_assert_not(b.complete());
  cr_assert(said("cannot be put back: the fake said so"), "%s", g_said.c_str());
  cr_assert_eq(b.keeper.status().repairs, 0u);
  cr_assert(b.keeper.next_look() == b.now + 1s);
  g_said.clear();
  b.now += 1s;
  fake::fail_at(1);
  b.look();
  cr_assert(g_said.empty(), "%s", g_said.c_str());
  b.now += 1s;
  fake::fail_at(0);
  b.look();
  cr_assert(b.complete());
}

Test(repair, none_while_stopping) {
  Bench b;
  b.keeper.stop(b.now);
  fake::remove(2);
  cr_assert(b.look().empty());
  cr_assert_not(b.complete());
  cr_assert(b.keeper.networks_changed(b.now).empty());
}

Test(repair, another_way_wakes_the_client_and_the_loss_of_every_way_does_not) {
  Bench b;
  const auto wakes = [&b](const char* way) {
    fake::way() = way;
    return is_only<action::SendNetworkChanged>(b.keeper.networks_changed(b.now));
  };
  cr_assert_not(wakes("eth0"), "the same");
  cr_assert(wakes("wlan0"));
  cr_assert_not(wakes("wlan0"));
  cr_assert_not(wakes(""), "there is nothing to try");
  cr_assert(wakes("wlan0"), "it is there again");
  b.keeper.engine_lost(b.now);
  cr_assert_not(wakes("eth1"), "there is no engine");
}

Test(repair, a_server_has_no_way_to_watch) {
  Bench b(true);
  fake::way() = "wlan0";
  cr_assert(b.keeper.networks_changed(b.now).empty());
}
