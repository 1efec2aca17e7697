// SPDX-License-Identifier: ISC
// What the keeper tells of a tunnel, and what it lets its engine tell.

#include <criterion/criterion.h>

#include "core/plan/keeper.h"
#include "tests/fake/fake_host.h"
#include "tests/fake/said.h"

using namespace vpnd;
using namespace vpnd::plan;
using namespace std::chrono_literals;
using engine::ClientState;
using fake::kills;
using fake::kServer;

namespace {

struct Bench {
  host::Machine machine{host::Places{}};
  Keeper keeper;
  TimePoint now{1h};
  std::vector<Event> heard;

  explicit Bench(Config config) : keeper(machine, std::move(config), kServer) {
    set_event_listener([this](const Event& e) { heard.push_back(e); });
    keeper.prepare();
    keeper.engine_started(now);
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;
  ~Bench() { set_event_listener({}); }

  Actions say(const ToKeeper& m) { return keeper.from_engine(m, now); }
  Actions tell(EventKind kind, Level level = Level::notice) {
    return say(to_keeper::Happened{
        {.kind = kind, .level = level, .text = "x", .endpoint = "203.0.113.7:443"}});
  }
  Actions become(ClientState state) {
    return say(
        to_keeper::Became{state, state == ClientState::up ? fake::lease_v4() : wire::Lease{}});
  }
  std::size_t count(EventKind kind) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(heard, [kind](const Event& e) { return e.kind == kind; }));
  }
};

}  // namespace

Test(keeper_events, a_client_is_connected_once_for_each_session) {
  Bench b{fake::client_config()};
  cr_assert_eq(b.count(EventKind::applied), 1u);
  b.say(to_keeper::Ready{true, 0});
  cr_assert(b.tell(EventKind::handshake).empty());
  b.become(ClientState::up);
  cr_assert_eq(b.count(EventKind::connected), 1u);
  cr_assert_eq(b.heard.back().endpoint, "203.0.113.7:443");
  b.become(ClientState::up);  // its lease was renewed
  cr_assert_eq(b.count(EventKind::connected), 1u);
  b.tell(EventKind::handshake);
  b.become(ClientState::up);
  cr_assert_eq(b.count(EventKind::connected), 2u, "another session without a gap");
  b.become(ClientState::reconnecting);
  b.become(ClientState::up);
  cr_assert_eq(b.count(EventKind::connected), 3u);
}

Test(keeper_events, an_engine_tells_of_its_own_before_it_is_ready) {
  Bench b{fake::client_config()};
  cr_assert(b.tell(EventKind::trying).empty());
  cr_assert_eq(b.count(EventKind::trying), 1u);
}

Test(keeper_events, an_engine_does_not_tell_what_the_host_is_like) {
  for (const EventKind kind : {EventKind::applied, EventKind::reverted, EventKind::connected}) {
    Bench b{fake::client_config()};
    cr_assert(kills(b.tell(kind)), "%s", std::string(name(kind)).c_str());
    cr_assert_eq(b.count(kind), kind == EventKind::applied ? 1u : 0u);
  }
  Bench b{fake::server_config()};
  cr_assert(b.tell(EventKind::connected).empty(), "a server's engine knows its peers");
  cr_assert(kills(b.tell(EventKind::reverted)));
}

Test(keeper_events, a_flood_of_the_least_keeps_nothing_else_out) {
  Bench b{fake::server_config()};
  for (int i = 0; i < 10000; ++i) b.tell(EventKind::rekeyed, Level::debug);
  cr_assert_lt(b.count(EventKind::rekeyed), 100u);
  b.tell(EventKind::lost);
  cr_assert_eq(b.count(EventKind::lost), 1u);
  for (int i = 0; i < 10000; ++i) b.tell(EventKind::lost);
  cr_assert_lt(b.count(EventKind::lost), 1000u);
}
