// SPDX-License-Identifier: ISC
#include "core/plan/keeper_messages.h"

#include <criterion/criterion.h>

#include <algorithm>

using namespace vpnd;
using namespace vpnd::plan;

namespace {

wire::Lease lease() {
  wire::Lease l;
  l.mtu = 1420;
  l.keepalive = 10;
  l.client_v4 = {Address::v4(10, 9, 0, 2), 24};
  l.server_v4 = Address::v4(10, 9, 0, 1);
  return l;
}

engine::PeerReport row() {
  engine::PeerReport r;
  r.name = "laptop";
  r.endpoint = *Endpoint::parse("[2001:db8::1]:4711");
  r.inner_v4 = Address::v4(10, 9, 0, 2);
  r.inner_v6 = *Address::parse("fd00::2");
  r.received = {1, 2};
  r.sent = {3, 4};
  r.age = std::chrono::seconds(5);
  r.rtt = std::chrono::microseconds(250);
  r.rtt_min = std::chrono::microseconds(240);
  r.next_rekey = std::chrono::seconds(79);
  r.queue_drops = 7;
  r.cipher = crypto::Cipher::aes256_gcm;
  r.worker = 3;
  return r;
}

std::vector<ToKeeper> all_to_keeper() {
  to_keeper::ReportHead head;
  head.report.server = true;
  head.report.counters.drops[3] = 9;
  head.report.counters.handed_over = 11;
  head.rows = 3;
  return {to_keeper::Ready{true, 5},
          engine::Dial{{3, 4}, 5},
          to_keeper::Became{engine::ClientState::up, lease()},
          to_keeper::Became{engine::ClientState::reconnecting, {}},
          engine::KeepCookie{},
          to_keeper::LogLine{Level::notice, "client up"},
          head,
          to_keeper::ReportRows{{row(), row(), row()}},
          engine::Ended{Exit::protocol, "no session", "compare keys"},
          to_keeper::Stopped{},
          engine::AskResolver{7, 2},
          engine::UseAddresses{{Address::v4(203, 0, 113, 1), *Address::parse("2001:db8::1")}},
          to_keeper::Happened{
              {EventKind::roamed, Level::debug, "it moved", "laptop", "[2001:db8::1]:4711", 113}}};
}

std::vector<ToEngine> all_to_engine() {
  return {to_engine::Tun{0x1f, 3},
          to_engine::Listener{},
          to_engine::Dialled{{1, 2}, 111},
          to_engine::Peers{},
          to_engine::ReportPlease{},
          to_engine::Stop{},
          to_engine::NetworkChanged{},
          to_engine::Resolver{9, 1, 111},
          to_engine::Settings{Level::debug, {7, false, 1300, *Address::parse("10.0.0.53"), {}}}};
}

}  // namespace

Test(keeper_messages, every_kind_comes_back_as_it_went) {
  for (const ToKeeper& m : all_to_keeper()) {
    const Message bytes = encode(m);
    cr_assert_leq(bytes.size(), kMaxMessage);
    const auto back = decode_to_keeper(bytes);
    cr_assert(back.has_value(), "kind %zu", m.index());
    cr_assert_eq(back->index(), m.index());
    cr_assert(encode(*back) == bytes);
  }
  for (const ToEngine& m : all_to_engine()) {
    const auto back = decode_to_engine(encode(m));
    cr_assert(back.has_value(), "kind %zu", m.index());
    cr_assert(encode(*back) == encode(m));
  }
}

Test(keeper_messages, any_other_size_is_refused) {
  for (const ToKeeper& m : all_to_keeper()) {
    Message bytes = encode(m);
    for (std::size_t n = 0; n < bytes.size(); ++n) {
      cr_assert_not(decode_to_keeper(Bytes(bytes).first(n)).has_value(), "%zu of kind %zu", n,
                    m.index());
    }
    bytes.push_back(0);
    cr_assert_not(decode_to_keeper(bytes).has_value(), "one byte more, kind %zu", m.index());
  }
  for (const ToEngine& m : all_to_engine()) {
    Message bytes = encode(m);
    bytes.push_back(0);
    cr_assert_not(decode_to_engine(bytes).has_value());
  }
}

Test(keeper_messages, every_kind_has_one_size) {
  cr_assert_eq(encode(to_keeper::ReportRows{}).size(),
               encode(to_keeper::ReportRows{{row(), row()}}).size());
  cr_assert_eq(encode(to_keeper::LogLine{Level::info, ""}).size(),
               encode(to_keeper::LogLine{Level::info, std::string(3000, 'x')}).size());
}

Test(keeper_messages, values_out_of_range_are_refused) {
  const auto with = [](const ToKeeper& m, std::size_t at, std::uint8_t value) {
    Message bytes = encode(m);
    bytes.at(at) = value;
    return decode_to_keeper(bytes).has_value();
  };
  const ToKeeper ready = to_keeper::Ready{true, 0};
  cr_assert(with(ready, 1, 0));
  cr_assert_not(with(ready, 1, 2), "a boolean is 0 or 1");
  cr_assert(with(ready, 2, 63));
  cr_assert_not(with(ready, 2, 64), "an unknown fallback");
  cr_assert_not(with(ready, 0, 250), "an unknown kind");
  const ToKeeper dial = engine::Dial{{0, 0}, 0};
  cr_assert(with(dial, 9, kMaxEndpoints - 1));
  cr_assert_not(with(dial, 9, kMaxEndpoints));
  const ToKeeper became = to_keeper::Became{engine::ClientState::reconnecting, {}};
  cr_assert(with(became, 1, static_cast<std::uint8_t>(engine::ClientState::blocked)));
  cr_assert_not(with(became, 1, static_cast<std::uint8_t>(engine::ClientState::blocked) + 1));
  const ToKeeper line = to_keeper::LogLine{Level::info, "x"};
  cr_assert(with(line, 1, static_cast<std::uint8_t>(Level::debug)));
  cr_assert_not(with(line, 1, static_cast<std::uint8_t>(Level::debug) + 1));
  cr_assert_not(with(line, 3, 255), "a length beyond its room");
  const ToKeeper ask = engine::AskResolver{1, 0};
  cr_assert(with(ask, 5, engine::kMostResolvers - 1));
  cr_assert_not(with(ask, 5, engine::kMostResolvers));
  const ToKeeper use = engine::UseAddresses{{Address::v4(203, 0, 113, 1)}};
  cr_assert(with(use, 1, kMostAddresses));
  cr_assert_not(with(use, 1, kMostAddresses + 1));
  cr_assert_not(with(use, 5, 5), "of no family");
  const ToKeeper rows = to_keeper::ReportRows{{row()}};
  cr_assert_not(with(rows, 1, kPeersAMessage + 1));
}

Test(keeper_messages, log_lines_cannot_move_the_terminal) {
  const auto back = decode_to_keeper(encode(to_keeper::LogLine{Level::info, "a\x1b[2J\nb\x7f"}));
  cr_assert(back.has_value());
  cr_assert(std::get<to_keeper::LogLine>(*back).text == "a?[2J?b?");
}

Test(keeper_messages, random_bytes_never_do_harm) {
  std::uint32_t x = 12345;
  const auto next = [&x] { return x = x * 1664525 + 1013904223; };
  unsigned accepted = 0;
  for (int i = 0; i < 200000; ++i) {
    Message bytes(next() >> 20);  // 0 to 4095
    for (std::size_t k = 0; k < std::min<std::size_t>(bytes.size(), 64); ++k) {
      bytes[k] = static_cast<std::uint8_t>(next() >> 24);
    }
    if (!bytes.empty()) bytes[0] = static_cast<std::uint8_t>(bytes[0] % 10);
    if (const auto m = decode_to_keeper(bytes)) {
      ++accepted;
      cr_assert(encode(*m).size() == bytes.size());
    }
    (void)decode_to_engine(bytes);
  }
  cr_assert_lt(accepted, 2000u);
}
