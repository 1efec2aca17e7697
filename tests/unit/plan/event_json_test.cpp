// SPDX-License-Identifier: ISC
#include "core/plan/event_json.h"

#include <criterion/criterion.h>

#include <nlohmann/json.hpp>

#include "core/plan/human.h"

using namespace vpnd;
using namespace vpnd::plan;

namespace {
constexpr WallMs kAt = 1763622072345;  // 2025-11-20T07:01:12.345Z
}

Test(event_json, members_that_say_nothing_are_not_there) {
  const std::string line = event_line({.kind = EventKind::rekeyed, .text = "x"}, "home", kAt);
  cr_assert_eq(line,
               R"({"schema":"vpnd.event/1","time":"2025-11-20T07:01:12.345Z","tunnel":"home",)"
               R"("event":"rekeyed","level":"notice","text":"x"})");
}

Test(event_json, every_member) {
  const Event event{EventKind::lost, Level::warning,  "gone \"so\"\n",
                    "laptop",        "192.0.2.1:443", 110};
  const std::string line = event_line(event, "home", kAt);
  cr_assert(line.find('\n') == std::string::npos);
  const auto j = nlohmann::json::parse(line);
  cr_assert_eq(j["event"], "lost");
  cr_assert_eq(j["level"], "warning");
  cr_assert_eq(j["text"], "gone \"so\"\n");
  cr_assert_eq(j["peer"], "laptop");
  cr_assert_eq(j["endpoint"], "192.0.2.1:443");
  cr_assert_eq(j["errno"], 110);
}

Test(event_json, a_text_that_is_not_utf8_is_no_failure) {
  const auto j = nlohmann::json::parse(event_line({.text = "a\xff"}, "\xfe", kAt), nullptr, false);
  cr_assert(j.is_object());
}

Test(event_json, how_things_stand_and_what_was_missed) {
  const auto state = nlohmann::json::parse(state_line("home", "up", kAt));
  cr_assert_eq(state["event"], "state");
  cr_assert_eq(state["state"], "up");
  const auto missed = nlohmann::json::parse(missed_line("home", 3, kAt));
  cr_assert_eq(missed["event"], "missed");
  cr_assert_eq(missed["missed"], 3);
}

Test(event_json, as_a_line_for_people) {
  cr_assert_eq(event_text(event_line({.text = "rekeyed\x1b[2J"}, "home", kAt)),
               "07:01:12Z rekeyed?[2J");
  cr_assert_eq(event_text("no \x1b JSON"), "no ? JSON");
  cr_assert_eq(event_text("{\"text\":3}"), "");
}

Test(human, times_there_and_back) {
  cr_assert_eq(utc_text(0), "1970-01-01T00:00:00.000Z");
  cr_assert_eq(utc_text(kAt), "2025-11-20T07:01:12.345Z");
  cr_assert_eq(utc_text(~WallMs{0}), "9999-12-31T23:59:59.999Z");
  for (const WallMs at : {WallMs{0}, kAt, WallMs{951782400000}, WallMs{253402300799999}}) {
    cr_assert(parse_utc(utc_text(at)) == at, "%s", utc_text(at).c_str());
  }
  for (const char* text :
       {"", "2025-11-20", "2025-11-20T07:01:12Z", "2025-13-20T07:01:12.345Z",
        "2025-02-29T07:01:12.345Z", "2025-11-20T24:01:12.345Z", "2025-11-20T07:60:12.345Z",
        "2025-11-20T07:01:60.345Z", "2025-11-20 07:01:12.345Z", "1969-11-20T07:01:12.345Z",
        "+025-11-20T07:01:12.345Z", "2025-11-20T07:01:12.345Z "}) {
    cr_assert_not(parse_utc(text).has_value(), "%s", text);
  }
}

Test(human, rates_and_printable_texts) {
  cr_assert_eq(human_rate(0), "0 bit/s");
  cr_assert_eq(human_rate(999), "999 bit/s");
  cr_assert_eq(human_rate(8'100'000), "8.1 Mbit/s");
  cr_assert_eq(human_rate(312'000'000), "312 Mbit/s");
  cr_assert_eq(human_rate(999'600'000), "1.0 Gbit/s");
  cr_assert_eq(printable("a\x1b[2J\x7f"), "a?[2J?");
  // The second is CSI, as one code point; the third is a byte by itself.
  cr_assert_eq(printable("é\xc2\x9b"
                         "31m\x9b"),
               "é?31m?");
}
