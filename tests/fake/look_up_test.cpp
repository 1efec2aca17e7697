// SPDX-License-Identifier: ISC
// What the keeper lets an engine do about its server's name.

#include <criterion/criterion.h>

#include <algorithm>

#include "core/plan/keeper.h"
#include "tests/fake/fake_host.h"
#include "tests/fake/said.h"

using namespace vpnd;
using namespace vpnd::plan;
using namespace std::chrono_literals;
using engine::AskResolver;
using engine::ClientState;
using engine::UseAddresses;
using fake::kills;
using fake::kServer;
using fake::only;

namespace {

const Address kNear = Address::v4(192, 168, 1, 1), kFar = Address::v4(9, 9, 9, 9);

ClientConfig named(const char* host) {
  ClientConfig c;
  c.name = c.interface = "vpn0";
  c.host = host;
  return c;
}

wire::Lease lease() {
  wire::Lease l = fake::lease_v4();
  l.dns_v4 = Address::v4(10, 0, 0, 53);
  return l;
}

struct Bench {
  host::Machine machine{host::Places{}};
  Keeper keeper;
  TimePoint now{1h};
  explicit Bench(Config config, std::vector<Endpoint> known = kServer)
      : keeper(machine, std::move(config), std::move(known)) {
    fake::resolvers() = {kNear, kFar};
    keeper.prepare();
    keeper.engine_started(now);
    say(to_keeper::Ready{true, 0});
  }
  explicit Bench(const char* host = "vpn.example") : Bench(Config{named(host)}) {}

  Actions say(const ToKeeper& m) { return keeper.from_engine(m, now); }
  Actions become(ClientState s) {
    return say(to_keeper::Became{s, s == ClientState::up ? lease() : wire::Lease{}});
  }
  // To whom a socket is given; nobody: refused.
  std::optional<Address> asks(std::uint32_t number) {
    const auto out = say(AskResolver{1, number});
    const auto* dial = only<action::DialResolver>(out);
    if (dial == nullptr) cr_assert(only<action::RefuseResolver>(out) != nullptr);
    return dial == nullptr ? std::nullopt : std::optional(dial->to);
  }
  bool open_in_the_wall(const Address& a) const {
    return std::ranges::any_of(fake::standing(), [&a](const std::string& s) {
      const auto at = s.find("udp port 53 of ");
      return at != s.npos && s.substr(at, s.find(';', at) - at).find(a.text()) != s.npos;
    });
  }
  bool tried(const Address& a) const {
    return std::ranges::any_of(fake::standing(), [&a](const std::string& s) {
      return s.find("wall") != s.npos && s.find("tcp " + a.text() + ":443") != s.npos;
    });
  }
};

}  // namespace

Test(look_up, only_while_the_server_is_looked_for) {
  Bench b;
  cr_assert(kills(b.say(AskResolver{1, 0})), "it has not said yet what it does");
  for (const ClientState s : {ClientState::connecting, ClientState::reconnecting}) {
    b.become(s);
    cr_assert_not(b.open_in_the_wall(kNear), "nobody has asked yet");
    cr_assert(b.asks(0) == kNear && b.asks(1) == kFar);
    cr_assert(b.open_in_the_wall(kNear) && b.open_in_the_wall(kFar));
    cr_assert_not(b.asks(2).has_value(), "there are two");
    for (const ClientState other : {ClientState::up, ClientState::blocked}) {
      b.become(other);
      cr_assert_not(b.open_in_the_wall(kNear));
      cr_assert(kills(b.say(AskResolver{1, 0})));
      cr_assert(kills(b.say(UseAddresses{{Address::v4(203, 0, 113, 8)}})));
      b.become(s);
      cr_assert(b.asks(0) == kNear);
    }
  }
}

Test(look_up, a_session_that_is_soon_back_touches_nothing) {
  Bench b;
  b.become(ClientState::connecting);
  b.become(ClientState::up);
  fake::fail_at(1);  // any call would throw
  cr_assert(b.become(ClientState::reconnecting).empty());
  cr_assert(b.become(ClientState::up).empty());
  cr_assert_eq(fake::calls(), 0u);
}

Test(look_up, never_for_an_address_or_a_name_of_the_local_network_or_on_a_server) {
  for (const char* host : {"203.0.113.7", "2001:db8::7", "gate", "gate.local"}) {
    Bench b(host);
    b.become(ClientState::connecting);
    cr_assert_not(b.open_in_the_wall(kNear), "%s", host);
    cr_assert(kills(b.say(AskResolver{1, 0})), "%s", host);
    cr_assert(kills(b.say(UseAddresses{{Address::v4(203, 0, 113, 8)}})), "%s", host);
  }
  ServerConfig server;
  server.name = server.interface = "vpn0";
  Bench s{Config{server}};
  cr_assert(kills(s.say(AskResolver{1, 0})));
  cr_assert(kills(s.say(UseAddresses{{Address::v4(203, 0, 113, 8)}})));
}

Test(look_up, the_tunnels_own_resolver_is_never_asked) {
  Bench b;
  b.become(ClientState::connecting);
  b.become(ClientState::up);
  // The resolver that the tunnel brought, and one inside it.
  fake::resolvers() = {Address::v4(10, 0, 0, 53), Address::v4(192, 168, 192, 254), kFar, kNear,
                       Address::v4(1, 1, 1, 1),   Address::v4(8, 8, 8, 8)};
  b.become(ClientState::reconnecting);
  cr_assert(b.asks(0) == kFar && b.asks(1) == kNear && b.asks(2) == Address::v4(1, 1, 1, 1));
  cr_assert_not(b.open_in_the_wall(Address::v4(10, 0, 0, 53)));
  cr_assert_not(b.open_in_the_wall(Address::v4(8, 8, 8, 8)), "three at most");
}

Test(look_up, another_networks_resolvers_are_found_when_it_is_asked_anew) {
  Bench b;
  b.become(ClientState::connecting);
  fake::resolvers() = {Address::v4(10, 1, 1, 1)};
  cr_assert(b.asks(0) == Address::v4(10, 1, 1, 1));
  cr_assert(b.open_in_the_wall(Address::v4(10, 1, 1, 1)));
  cr_assert_not(b.open_in_the_wall(kNear));
}

Test(look_up, a_stub_is_asked_and_opens_nothing) {
  Bench b;
  const Address stub = Address::v4(127, 0, 0, 53);
  fake::resolvers() = {stub};
  b.become(ClientState::connecting);
  cr_assert(b.asks(0) == stub);
  cr_assert_not(b.open_in_the_wall(stub));
}

Test(look_up, what_it_names_is_where_it_may_connect) {
  Bench b;
  const Address moved = Address::v4(203, 0, 113, 8);
  b.become(ClientState::connecting);
  cr_assert(b.say(UseAddresses{{moved, kServer[0].address}}).empty());
  cr_assert(b.tried(moved));
  const auto out = b.say(engine::Dial{{0, 0}, 0});
  cr_assert(only<action::Dial>(out) != nullptr && only<action::Dial>(out)->to.address == moved);
  cr_assert(kills(b.say(engine::Dial{{0, 0}, 2})));
}

Test(look_up, without_any_address_nothing_is_open_but_the_resolvers) {
  Bench b{Config{named("vpn.example")}, {}};
  b.become(ClientState::connecting);
  cr_assert(b.asks(0) == kNear);
  cr_assert(b.open_in_the_wall(kNear));
  cr_assert(kills(b.say(engine::Dial{{0, 0}, 0})));
  b.say(UseAddresses{{Address::v4(203, 0, 113, 8)}});
  cr_assert(b.tried(Address::v4(203, 0, 113, 8)));
}

Test(look_up, addresses_that_no_server_has_end_it) {
  for (const char* bad : {"127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "ff02::1",
                          "fe80::1", "::ffff:203.0.113.1"}) {
    Bench b;
    b.become(ClientState::connecting);
    cr_assert(kills(b.say(UseAddresses{{Address::parse(bad).value()}})), "%s", bad);
    cr_assert(kills(b.say(UseAddresses{{}})));
  }
  // But what the host itself named stays, whatever it is.
  const Endpoint local{Address::v4(127, 0, 0, 1), 443};
  Bench b{Config{named("vpn.example")}, {local}};
  b.become(ClientState::connecting);
  cr_assert(b.say(UseAddresses{{Address::v4(203, 0, 113, 8), local.address}}).empty());
}

// A forged answer with the tunnel's own addresses must neither open a way to them nor make the
// lease that has them look wrong.
Test(look_up, the_tunnels_own_addresses_are_left_out) {
  const std::vector<Address> forged{Address::v4(192, 168, 192, 254), Address::v4(10, 0, 0, 53),
                                    kServer[0].address};
  const auto check = [](Bench& b, const char* when) {
    cr_assert_not(b.tried(Address::v4(192, 168, 192, 254)), "%s", when);
    cr_assert_not(b.tried(Address::v4(10, 0, 0, 53)), "%s", when);
    cr_assert(b.tried(kServer[0].address), "%s", when);
    cr_assert(only<action::Refuse>(b.say(engine::Dial{{0, 0}, 0})) != nullptr, "%s", when);
    const auto out = b.say(engine::Dial{{0, 0}, 2});
    cr_assert(only<action::Dial>(out) != nullptr, "%s", when);
  };
  Bench before;
  before.become(ClientState::connecting);
  cr_assert(before.say(UseAddresses{forged}).empty());
  cr_assert(before.become(ClientState::up).empty(), "the lease is as good as ever");
  check(before, "before the lease");
  Bench after;
  after.become(ClientState::connecting);
  after.become(ClientState::up);
  after.become(ClientState::reconnecting);
  cr_assert(after.say(UseAddresses{forged}).empty());
  check(after, "after the lease");
  // The next engine begins without the empty places.
  (void)after.keeper.engine_lost(after.now);
  cr_assert_eq(after.keeper.endpoints().size(), 1u);
}

Test(look_up, neither_is_done_without_end) {
  Bench b;
  b.become(ClientState::connecting);
  unsigned given = 0;
  for (int i = 0; i < 1000; ++i) given += b.asks(0).has_value() ? 1u : 0u;
  cr_assert_eq(given, 32u);
  b.now += 1s;
  cr_assert(b.asks(0).has_value());
  unsigned told = 0;
  while (!kills(b.say(UseAddresses{{Address::v4(203, 0, 113, 8)}}))) cr_assert_lt(++told, 100u);
  cr_assert_eq(told, 8u);
}
