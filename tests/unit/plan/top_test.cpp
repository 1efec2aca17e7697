// SPDX-License-Identifier: ISC
#include "core/plan/top.h"

#include <criterion/criterion.h>
#include <fmt/format.h>

#include "core/plan/top_line.h"
#include "tests/support/golden.h"

using namespace vpnd;
using namespace vpnd::plan;
using namespace vpnd::test;
using namespace std::chrono_literals;

namespace {

TimePoint at(unsigned quarter) {
  return TimePoint(100s) + quarter * 250ms;
}

Status client(std::uint64_t received, std::uint64_t sent) {
  Status s;
  s.name = "home";
  s.host = "vpn.example.net";
  s.endpoint = "203.0.113.7:443";
  s.changes_made = s.changes_present = 14;
  s.routing.kill_switch = "on";
  s.dns = "10.0.0.53, by the resolver file";
  s.report.state = engine::ClientState::up;
  s.report.in_state = 2h + 14min;
  s.report.counters.received.bytes = received;
  s.report.counters.sent.bytes = sent;
  s.report.counters.reconnects = 1;
  engine::PeerReport p;
  p.endpoint = *Endpoint::parse("203.0.113.7:443");
  p.age = 41s;
  p.rtt = 18400us;
  p.rtt_min = 17900us;
  p.next_rekey = 79s;
  s.report.peers = {p};
  return s;
}

Status server(unsigned clients, std::uint64_t of_the_last) {
  Status s;
  s.name = "gate";
  s.report.server = true;
  s.report.in_state = 3h;
  s.changes_made = s.changes_present = 9;
  for (unsigned i = 0; i < clients; ++i) {
    engine::PeerReport p;
    p.name = fmt::format("client-{}", i);
    p.inner_v4 = Address::v4(10, 9, 0, static_cast<std::uint8_t>(i + 2));
    p.received.bytes = i + 1 == clients ? of_the_last : 1000;
    p.age = 59s;
    p.rtt = 350us;
    s.report.peers.push_back(p);
  }
  return s;
}

TopHistory client_history() {
  TopHistory h;
  for (unsigned i = 0; i < 40; ++i) {
    const std::uint64_t bytes = i < 20 ? std::uint64_t{i} * i * 100000 : 40000000u;
    h.add(client(bytes, i * 250000u), at(i));
  }
  h.add_event("09:12:04Z connected");
  h.add_event("09:14:31Z rekeyed");
  return h;
}

TopHistory server_history() {
  TopHistory h;
  for (unsigned i = 0; i < 8; ++i) h.add(server(5, i * 1000000u), at(i));
  return h;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += line + "|\n";
  return out;
}

std::string without_colours(std::string text) {
  for (std::size_t at = text.find("\x1b["); at != std::string::npos; at = text.find("\x1b[")) {
    text.erase(at, text.find('m', at) - at + 1);
  }
  return text;
}

}  // namespace

Test(top, pages) {
  const TopHistory home = client_history(), gate = server_history();
  std::string all;
  for (const TopHistory* h : {&home, &gate}) {
    all += joined(top_lines(*h, {.width = 100, .height = 12, .colour = false}));
    all += joined(
        top_lines(*h, {.width = 80, .height = 11, .utf8 = false, .colour = false, .paused = true}));
    all += joined(top_lines(*h, {.width = 40, .height = 9, .colour = false}));
  }
  compare_golden("top.txt", all);
}

Test(top, never_more_lines_or_columns_than_there_are) {
  TopHistory odd = server_history();
  Status s = server(3, 0);
  s.name.assign(300, 'x');
  s.name += "界\x1b[2J";
  s.report.peers[0].name = "界界界界界界界界界界界界";
  s.warnings = {std::string(300, 'w')};
  odd.add(s, at(9));
  odd.add_event(std::string(500, 'e'));
  const TopHistory home = client_history();
  for (const TopHistory* h : {static_cast<const TopHistory*>(&odd), &home}) {
    for (unsigned width : {0u, 1u, 2u, 7u, 20u, 39u, 61u, 80u, 200u, 1000u}) {
      for (unsigned height : {0u, 1u, 2u, 3u, 5u, 9u, 24u, 100u}) {
        for (const bool colour : {false, true}) {
          for (const bool utf8 : {false, true}) {
            const auto lines = top_lines(*h, {width, height, utf8, colour, true});
            cr_assert_leq(lines.size(), height);
            for (const std::string& line : lines) {
              const std::string bare = without_colours(line);
              cr_assert_leq(columns(bare), width, "%u x %u: %s", width, height, bare.c_str());
              cr_assert(bare.find('\x1b') == std::string::npos);
              if (!utf8) {
                for (const char c : bare) cr_assert((c & 0x80) == 0, "%s", bare.c_str());
              }
            }
          }
        }
      }
    }
  }
}

Test(top, colours_only_where_they_are_wanted) {
  const TopHistory h = client_history();
  const std::string plain = joined(top_lines(h, {.width = 90, .height = 12, .colour = false}));
  const std::string coloured = joined(top_lines(h, {.width = 90, .height = 12}));
  cr_assert(plain.find('\x1b') == std::string::npos);
  cr_assert(coloured.find("\x1b[32m") != std::string::npos);
  cr_assert_eq(without_colours(coloured), plain);
}

Test(top, the_busiest_client_stands_first) {
  const TopHistory h = server_history();
  cr_assert_eq(h.peers().front().report.name, "client-4");
  cr_assert_eq(h.peers().front().rates.rx_bps, 32'000'000u);
  cr_assert_eq(h.peers()[1].report.name, "client-0", "the others by their names");
  const std::string page = joined(top_lines(h, {.width = 80, .height = 20, .colour = false}));
  cr_assert_lt(page.find("client-4"), page.find("client-0"));
}

Test(top, clients_that_find_no_room_are_counted) {
  const std::string page =
      joined(top_lines(server_history(), {.width = 80, .height = 8, .colour = false}));
  cr_assert(page.find("client-4") != std::string::npos, "%s", page.c_str());
  cr_assert(page.find(" and 4 more") != std::string::npos, "%s", page.c_str());
}

Test(top, a_client_that_came_back_has_no_rate_below_zero) {
  TopHistory h;
  h.add(server(1, 9'000'000), at(0));
  h.add(server(1, 1000), at(4));
  cr_assert(h.peers().front().rates == Rates{});
}

Test(top, remembers_a_minute_and_no_more) {
  TopHistory h;
  for (unsigned i = 0; i < 1000; ++i) {
    h.add(client(i, i), at(i));
    h.add_event("x");
  }
  cr_assert_eq(h.rx().size(), TopHistory::kKept);
  cr_assert_eq(h.rtt().size(), TopHistory::kKept);
  cr_assert_eq(h.events().size(), TopHistory::kEventsKept);
}

Test(top, sparklines) {
  const std::deque<std::uint64_t> values{0, 1, 2, 3, 4, 5, 6, 7};
  cr_assert_eq(sparkline(values, 8, true), "▁▂▃▄▅▆▇█");
  cr_assert_eq(sparkline(values, 8, false), "_.:-=+*#");
  cr_assert_eq(sparkline(values, 10, false), "  _.:-=+*#");
  cr_assert_eq(sparkline(values, 2, true), "▇█");
  cr_assert_eq(sparkline({0, 0}, 2, true), "▁▁");
  cr_assert_eq(sparkline({}, 3, true), "   ");
  cr_assert_eq(sparkline(values, 0, true), "");
  cr_assert_eq(sparkline({~std::uint64_t{0}}, 1, true), "█");
}

Test(top_line, cuts_and_cleans) {
  cr_assert_eq(TopLine(5, true, false).put("héllo wörld").take(), "héllo");
  cr_assert_eq(TopLine(5, false, false).put("héllo").take(), "h?llo");
  cr_assert_eq(TopLine(3, true, false).put("a界b").take(), "a界");
  cr_assert_eq(TopLine(2, true, false).put("a界b").take(), "a", "half of one does not fit");
  cr_assert_eq(TopLine(9, true, false)
                   .put("a\x1b\n\xc2\x9b\u202e\xff"
                        "b")
                   .take(),
               "a?????b");
  cr_assert_eq(TopLine(9, true, true).put("a", Colour::red).put("").take(), "\x1b[31ma\x1b[0m");
  cr_assert_eq(TopLine(6, true, false).put("ab").right("cd").take(), "ab  cd");
  cr_assert_eq(TopLine(4, true, false).put("ab").right("cd").take(), "ab", "no blank between");
  cr_assert_eq(columns("e\u0301界"), 3u);
}
