// SPDX-License-Identifier: ISC
// A client whose server has moved, and what its name says.

#include <criterion/criterion.h>

#include <algorithm>

#include "core/engine/engine.h"
#include "crypto/random.h"
#include "tests/sim/world.h"

using namespace vpnd;
using namespace vpnd::sim;
using namespace std::chrono_literals;
using engine::ClientState;

namespace {

// An engine by itself: its dials are refused, its questions answered as the test says.
struct Alone {
  std::mt19937 random{1};
  TimePoint at{1h};
  std::vector<Endpoint> endpoints;
  std::vector<Endpoint> dialled;
  std::vector<std::uint32_t> asked;
  std::vector<engine::SendQuery> queries;
  std::vector<engine::UseAddresses> told;
  std::optional<engine::Ended> ended;
  engine::Engine engine;

  static engine::ClientSettings settings(std::vector<Endpoint> known) {
    crypto::init();
    engine::ClientSettings s = client_settings(1);
    s.endpoints = std::move(known);
    s.look_up = engine::LookUp{wire::DnsName::parse("vpn.example").value(), false, 443};
    return s;
  }
  explicit Alone(std::vector<Endpoint> known)
      : endpoints(known),
        engine(
            settings(std::move(known)), {},
            [this](MutBytes out) {
              for (auto& b : out) b = static_cast<std::uint8_t>(random());
            },
            now()) {}
  Now now() const { return {at, 1'700'000'000'000}; }

  void pump() {
    for (auto some = engine.take_effects(); !some.empty(); some = engine.take_effects()) {
      for (const engine::Effect& e : some) std::visit([this](const auto& x) { on(x); }, e);
    }
  }
  void on(const engine::Dial& d) {
    dialled.push_back(endpoints.at(d.endpoint));
    engine.closed(d.conn, 111, now());
  }
  void on(const engine::AskResolver& a) {
    asked.push_back(a.resolver);
    engine.resolver_opened(a.round, a.resolver, a.resolver == 0, now());
  }
  void on(const engine::SendQuery& q) { queries.push_back(q); }
  void on(const engine::UseAddresses& u) {
    told.push_back(u);
    endpoints.clear();
    for (const Address& a : u.addresses) endpoints.push_back({a, 443});
  }
  void on(const engine::Ended& e) { ended = e; }
  void on(const auto&) {}

  void run_for(Duration d) {
    const TimePoint end = at + d;
    pump();
    while (engine.next_wake() <= end) {
      at = std::max(at, engine.next_wake());
      engine.wake(now());
      pump();
    }
    at = end;
  }
  void answer(const Address& a, std::uint8_t code = 0) {
    auto m = queries.back().query;
    m[2] = 0x81;
    m[3] = code;
    if (code == 0) {
      const Bytes b = a.bytes();
      m[7] = 1;
      for (const int x : {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4}) {
        m.push_back(static_cast<std::uint8_t>(x));
      }
      m.insert(m.end(), b.begin(), b.end());
    }
    engine.resolver_answered(queries.back().resolver, m, now());
    pump();
  }
};

const Endpoint kOld{Address::v4(203, 0, 113, 2), 443}, kNew{Address::v4(203, 0, 113, 3), 443};

}  // namespace

Test(moved, the_address_it_had_is_tried_before_anybody_is_asked) {
  Alone c({kOld});
  c.run_for(999ms);
  cr_assert(c.asked.empty());
  cr_assert_geq(c.dialled.size(), 2u);
  c.run_for(1ms);
  cr_assert_eq(c.asked.size(), 1u);
}

Test(moved, the_new_address_is_tried_as_soon_as_it_is_known_and_the_old_one_goes_on) {
  Alone c({kOld});
  c.run_for(1s);
  c.dialled.clear();
  c.answer(kNew.address);
  cr_assert_eq(c.told.size(), 1u);
  c.run_for(1ms);
  cr_assert(!c.dialled.empty() && c.dialled.front() == kNew);
  c.run_for(2s);
  cr_assert_leq(c.dialled.size(), 12u, "each once, and then a pause: %zu", c.dialled.size());
  for (const Endpoint& e : {kOld, kNew}) {
    cr_assert(std::ranges::find(c.dialled, e) != c.dialled.end());
  }
}

Test(moved, an_answer_that_says_nothing_new_is_told_to_nobody) {
  Alone c({kOld});
  c.run_for(1s);
  c.answer(kOld.address);
  cr_assert(c.told.empty());
}

Test(moved, dead_resolvers_do_not_slow_the_tries) {
  Alone c({kOld});
  c.run_for(20s);
  cr_assert(c.told.empty());
  cr_assert_geq(c.dialled.size(), 39u, "two a second: %zu", c.dialled.size());
  cr_assert_geq(c.queries.size(), 2u);
  cr_assert_leq(c.queries.size(), 12u);
}

Test(moved, with_no_address_at_all_it_asks_at_once) {
  Alone c({});
  c.run_for(1ms);
  cr_assert_eq(c.asked.size(), 1u);
  cr_assert(c.dialled.empty());
  c.answer(kNew.address);
  c.run_for(1ms);
  cr_assert(!c.dialled.empty() && c.dialled.front() == kNew);
}

Test(moved, a_name_that_is_not_there_ends_who_has_no_address) {
  Alone c({});
  c.run_for(1ms);
  c.answer({}, 3);
  cr_assert(c.ended.has_value());
  cr_assert(c.ended->code == Exit::unavailable);
  cr_assert(c.ended->line.find("the name vpn.example does not resolve") != std::string::npos);
  Alone with({kOld});
  with.run_for(1s);
  with.answer({}, 3);
  cr_assert_not(with.ended.has_value(), "the address is still good");
}

Test(moved, nobody_answers_who_has_no_address) {
  Alone c({});
  c.run_for(31s);
  cr_assert(c.ended.has_value() && c.ended->code == Exit::unavailable);
  cr_assert(c.ended->line.find("does not resolve") != std::string::npos);
}

Test(moved, another_network_is_asked_anew) {
  Alone c({kOld});
  c.run_for(10s);
  const auto before = c.asked.size();
  c.engine.network_changed(c.now());
  c.run_for(1ms);
  cr_assert_gt(c.asked.size(), before);
}
