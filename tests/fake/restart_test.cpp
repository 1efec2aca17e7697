// SPDX-License-Identifier: ISC
// The keeper goes over to another configuration, stops for another process, and goes on where one
// has stopped.

#include <criterion/criterion.h>

#include "core/plan/keeper.h"
#include "tests/fake/fake_host.h"
#include "tests/fake/said.h"
#include "tests/support/plans.h"

using namespace vpnd;
using namespace vpnd::plan;
using namespace std::chrono_literals;
using engine::ClientState;
using fake::kServer;
using fake::only;

namespace {

struct Bench {
  host::Machine machine{host::Places{}};
  Keeper keeper;
  TimePoint now{1h};
  explicit Bench(Config config = test::client_config())
      : keeper(machine, std::move(config), kServer) {}

  Actions say(const ToKeeper& m) { return keeper.from_engine(m, now); }
  void start() {
    keeper.prepare();
    keeper.engine_started(now);
    say(to_keeper::Ready{true, 0});
  }
  void up() { say(to_keeper::Became{ClientState::up, fake::lease_v4()}); }
};

Config with_exclude() {
  ClientConfig c = test::client_config();
  c.exclude = {test::prefix("10.9.0.0/16")};
  return c;
}

}  // namespace

Test(keeper_restart, a_change_is_made_and_told) {
  Bench b;
  b.start();
  b.up();
  const auto before = fake::standing();
  const Actions told = b.keeper.change(with_exclude());
  cr_assert_neq(before, fake::standing());
  cr_assert(only<action::SendSettings>(told) != nullptr);
  cr_assert(b.keeper.config() == with_exclude());
}

Test(keeper_restart, a_change_that_fails_was_none) {
  Bench b;
  b.start();
  b.up();
  const auto before = fake::standing();
  fake::fail_at(1);
  cr_assert_throw(b.keeper.change(with_exclude()), Error);
  fake::fail_at(0);
  cr_assert_eq(before, fake::standing());
  cr_assert_not(b.keeper.config() == with_exclude());
}

Test(keeper_restart, a_server_tells_its_engine) {
  ServerConfig c;
  c.name = c.interface = "vpn0";
  Bench b{c};
  b.start();
  c.max_clients = 3;
  c.isolate = false;
  c.push_dns = {Address::v4(10, 0, 0, 53)};
  const auto told = b.keeper.change(c);
  const auto* settings = only<action::SendSettings>(told);
  cr_assert(settings != nullptr);
  cr_assert_eq(settings->settings.server.max_clients, 3u);
  cr_assert_not(settings->settings.server.isolate);
  cr_assert(settings->settings.server.dns_v4 == c.push_dns.front());
}

Test(keeper_restart, what_stood_stands_from_the_start) {
  std::optional<KeptSession> session;
  std::vector<std::string> before;
  {
    Bench b;
    b.start();
    cr_assert_not(b.keeper.kept_session(), "before there is one");
    b.up();
    session = b.keeper.kept_session();
    before = fake::standing();
    b.keeper.revert();
  }
  cr_assert(session);
  Bench b;
  b.keeper.resume(5, session);
  b.keeper.prepare();
  cr_assert_eq(fake::standing(), before);
  cr_assert(b.keeper.was_up());
  cr_assert(b.keeper.kept_session() == session);
}

// A lease that the file does not allow any more, or without the device that wore it, is none.
Test(keeper_restart, a_lease_needs_its_device_and_the_files_consent) {
  KeptSession session{"203.0.113.7", 443, kServer, fake::lease_v4(), {}};
  session.cookie[0] = 7;
  ClientConfig other = test::client_config();
  other.local_v4 = Address::v4(192, 168, 192, 9);
  const std::vector<std::pair<ClientConfig, int>> cases{{test::client_config(), -1}, {other, 5}};
  for (const auto& [config, tunnel] : cases) {
    Bench b{config};
    b.keeper.resume(tunnel, session);
    b.keeper.prepare();
    cr_expect_eq(fake::standing().size(), 2u, "the device and the wall");
    cr_expect(b.keeper.cookie() == session.cookie);
    cr_expect(b.keeper.was_up());
    b.keeper.revert();
  }
}

Test(keeper_restart, says_what_it_is_at) {
  Bench b;
  b.start();
  cr_expect_eq(b.keeper.summary(), "starting");
  b.say(to_keeper::Became{ClientState::connecting, {}});
  cr_expect(b.keeper.summary().starts_with("connecting to "), "%s", b.keeper.summary().c_str());
  b.up();
  to_keeper::ReportHead head;
  head.report.state = ClientState::up;
  head.rows = 1;
  b.say(head);
  engine::PeerReport row;
  row.endpoint = kServer.front();
  row.rtt = 18ms;
  b.say(to_keeper::ReportRows{{row}});
  cr_expect_eq(b.keeper.summary(), "connected to 203.0.113.7, rtt 18 ms");
  b.say(to_keeper::Became{ClientState::reconnecting, {}});
  cr_expect(b.keeper.summary().starts_with("reconnecting to "));
}
