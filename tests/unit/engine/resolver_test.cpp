// SPDX-License-Identifier: ISC
#include "core/engine/resolver.h"

#include <criterion/criterion.h>

#include <algorithm>

#include "tests/unit/engine/test_random.h"

using namespace vpnd;
using namespace vpnd::engine;
using namespace std::chrono_literals;
using State = Resolver::State;
using wire::DnsType;

namespace {

using Message = std::vector<std::uint8_t>;
const Address kOne = Address::v4(203, 0, 113, 1);
const Address kSix = Address::parse("2001:db8::1").value();

struct Bench {
  std::mt19937 random{1};
  Entropy entropy = test::entropy_of(random);
  std::vector<Effect> effects;
  wire::DnsName name = wire::DnsName::parse("vpn.example").value();
  Resolver resolver;
  TimePoint now{1h};
  explicit Bench(bool v6 = true) : resolver(name, v6, entropy, effects) { resolver.begin(now); }

  template<class E>
  std::vector<E> take() {
    std::vector<E> out;
    std::erase_if(effects, [&out](const Effect& e) {
      if (const auto* x = std::get_if<E>(&e)) out.push_back(*x);
      return std::holds_alternative<E>(e);
    });
    return out;
  }
  // Gives it every socket it asks for; the queries that it sends then.
  std::vector<SendQuery> open() {
    for (const AskResolver& a : take<AskResolver>()) {
      cr_assert(resolver.opened(a.round, a.resolver, true, now));
    }
    return take<SendQuery>();
  }
  void pass(Duration d) {
    const TimePoint end = now + d;
    while (resolver.next_wake() <= end) {
      now = resolver.next_wake();
      resolver.wake(now);
    }
    now = end;
  }
  void answer(const SendQuery& q, const std::vector<Address>& addresses, std::uint8_t code = 0) {
    Message m = q.query;
    m[2] = 0x81;
    m[3] = code;
    for (const Address& a : addresses) {
      const auto type = static_cast<std::uint8_t>(a.is_v4() ? DnsType::a : DnsType::aaaa);
      const Bytes b = a.bytes();
      const Message head{0xc0, 12, 0, type, 0, 1,
                         0,    0,  0, 60,   0, static_cast<std::uint8_t>(b.size())};
      m.insert(m.end(), head.begin(), head.end());
      m.insert(m.end(), b.begin(), b.end());
      ++m[7];
    }
    resolver.answered(q.resolver, m, now);
  }
  bool is(State s) const { return resolver.state() == s; }
};

bool asks_for_v6(const SendQuery& q) {
  return q.query[q.query.size() - 3] == 28;
}

}  // namespace

Test(resolver, asks_the_first_for_both_families_and_is_done_with_both_answers) {
  Bench b;
  const auto queries = b.open();
  cr_assert_eq(queries.size(), 2u);
  cr_assert(!asks_for_v6(queries[0]) && asks_for_v6(queries[1]));
  cr_assert(
      queries[0].query[0] != queries[1].query[0] || queries[0].query[1] != queries[1].query[1],
      "an id for each");
  b.answer(queries[1], {kSix});
  cr_assert(b.is(State::asking));
  b.answer(queries[0], {kOne});
  cr_assert(b.is(State::found));
  cr_assert_eq(b.resolver.found().size(), 2u);
  cr_assert(b.resolver.found()[0] == kOne, "IPv4 first");
  cr_assert_eq(b.take<EndLookUp>().size(), 1u);
  cr_assert(b.resolver.next_wake() == kNever);
}

Test(resolver, without_ipv6_it_asks_for_none) {
  Bench b(false);
  const auto queries = b.open();
  cr_assert_eq(queries.size(), 1u);
  b.answer(queries[0], {kOne});
  cr_assert(b.is(State::found));
}

Test(resolver, a_family_about_which_it_is_silent_is_not_waited_for) {
  Bench b;
  const auto queries = b.open();
  b.answer(queries[0], {kOne});
  cr_assert(b.is(State::asking));
  b.pass(299ms);
  cr_assert(b.is(State::asking));
  b.pass(1ms);
  cr_assert(b.is(State::found));
}

Test(resolver, silence_is_asked_again_and_so_is_the_next) {
  Bench b(false);
  cr_assert_eq(b.open().size(), 1u);
  b.pass(999ms);
  cr_assert(b.effects.empty());
  b.pass(1ms);
  const auto again = b.take<SendQuery>();
  cr_assert_eq(again.size(), 1u);
  cr_assert_eq(again[0].resolver, 0u);
  const auto second = b.open();
  cr_assert_eq(second.size(), 1u);
  cr_assert_eq(second[0].resolver, 1u);
  b.answer(second[0], {kOne});
  cr_assert(b.is(State::found));
}

Test(resolver, with_back_off_and_an_end) {
  Bench b(false);
  unsigned sent = 0;
  for (int i = 0; i < 99; ++i) {
    sent += static_cast<unsigned>(b.open().size());
    b.pass(100ms);
    cr_assert(b.is(State::asking), "%d", i);
  }
  b.pass(100ms);
  cr_assert(b.is(State::failed));
  // Four times the first, from a second later the next one, and so on.
  cr_assert_leq(sent, 12u);
  cr_assert_geq(sent, 9u);
}

Test(resolver, one_that_refuses_or_cannot_be_had_makes_room_for_the_next_at_once) {
  Bench b(false);
  b.answer(b.open().at(0), {}, 2);
  const auto asked = b.take<AskResolver>();
  cr_assert_eq(asked.size(), 1u);
  cr_assert_not(b.resolver.opened(asked[0].round, 1, false, b.now));
  const auto third = b.open();
  cr_assert_eq(third.size(), 1u);
  cr_assert_eq(third[0].resolver, 2u);
  b.resolver.failed(2, b.now);
  cr_assert(b.is(State::failed), "there is no fourth");
}

Test(resolver, a_name_that_is_not_there_is_told_from_silence) {
  Bench b;
  b.answer(b.open().at(0), {}, 3);
  cr_assert(b.is(State::no_such_name));
  Bench c;
  const auto queries = c.open();
  c.answer(queries[0], {});
  cr_assert(c.is(State::asking), "it may have IPv6");
  c.answer(queries[1], {});
  cr_assert(c.is(State::no_such_name));
}

Test(resolver, what_nobody_asked_for_changes_nothing) {
  Bench b(false);
  auto query = b.open().at(0);
  ++query.query[1];
  b.answer(query, {kOne});
  --query.query[1];
  query.resolver = 1;
  b.answer(query, {kOne});
  b.resolver.answered(99, {}, b.now);
  b.resolver.failed(99, b.now);
  cr_assert(b.is(State::asking) && b.effects.empty());
  cr_assert_not(b.resolver.opened(1, 0, true, b.now), "twice");
  cr_assert_not(b.resolver.opened(1, 2, true, b.now), "never asked for");
}

Test(resolver, sockets_of_an_earlier_round_are_not_wanted) {
  Bench b(false);
  const auto old = b.take<AskResolver>();
  b.resolver.begin(b.now);
  cr_assert_eq(b.take<EndLookUp>().size(), 1u);
  cr_assert_not(b.resolver.opened(old[0].round, 0, true, b.now));
  cr_assert_eq(b.open().size(), 1u);
  b.resolver.stop();
  cr_assert(b.is(State::idle) && b.resolver.next_wake() == kNever);
}

Test(resolver, never_more_addresses_than_there_is_room_for) {
  Bench b;
  const auto queries = b.open();
  std::vector<Address> four, six;
  for (std::uint8_t i = 1; i <= 16; ++i) {
    four.push_back(Address::v4(203, 0, 113, i));
    six.push_back(Address::v6(ByteArray<16>{0x20, 1, 0xd, 0xb8, 0, 0, 0, i}));
  }
  b.answer(queries[1], six);
  b.answer(queries[0], four);
  cr_assert(b.is(State::found));
  cr_assert_eq(b.resolver.found().size(), wire::kMostLookedUp);
}
