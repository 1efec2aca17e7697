// SPDX-License-Identifier: ISC
// The demo's page: well formed whatever is in it, nothing loaded or run, each thing in its place.

#include "linux/demo_page.h"

#include <criterion/criterion.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "linux/demo_markup.h"
#include "tests/support/folder.h"

using namespace vpnd::demo;
using namespace std::chrono_literals;

namespace {

constexpr auto npos = std::string::npos;
constexpr const char* kNasty =
    "<script>alert(1)</script> & \"'\x01\x7f\xff\xc0\xaf\xed\xa0\x80 ]]>";

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != npos;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != npos; at = text.find(part, at + part.size())) ++n;
  return n;
}

// Ten seconds in slices of 50 ms at 800 Mbit/s, but for nothing from the fourth to the sixth
// second.
Story story() {
  Story s;
  s.held = true;
  s.about = {{"Kernel", "Linux 6.1"}};
  s.proofs = {{true, "tunnel up", "40 ms"}, {true, "left behind", "0 changes"}};
  for (int i = 1; i <= 200; ++i) {
    const bool gap = i > 80 && i <= 120;
    s.traffic.slices.push_back({i * 50ms, 50ms, gap ? 0u : 5'000'000u, i * 50ms});
    s.traffic.echoes.push_back({i * 50ms, gap ? std::nullopt : std::optional<microseconds>(1ms)});
  }
  s.traffic.connections = 1;
  s.moments = {4s, 6s, 7s, 7500ms};
  s.wire = {1234567, 8, 0, 0, 20, 20};
  const Item always{Kind::link, "c0, up, mtu 1500"}, device{Kind::link, "vpn0, up, mtu 1420"},
      rule{Kind::rule, "30001 not fwmark 42069 table 42069 (v4)"};
  s.hosts = {{"client", {always}, {always, device, rule}, {always}}, {"server", {}, {}, {}}};
  return s;
}

Story nasty() {
  Story s = story();
  s.about = {{kNasty, kNasty}};
  s.proofs = {{false, kNasty, kNasty}};
  s.hosts = {{kNasty, {}, {{Kind::table, kNasty}}, {}}};
  return s;
}

// By a parser that is not ours, and strict: that of expat.
bool well_formed(const std::string& text) {
  const vpnd::test::Folder folder;
  const std::string path = folder.in("page.html");
  std::ofstream(path) << text;
  const std::string command = fmt::format(
      "python3 -c 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' {} 2>/dev/null", path);
  return std::system(command.c_str()) == 0;
}

// Of the first element after `id`.
double number(const std::string& text, const std::string& id, const std::string& attribute) {
  const auto element = text.find(id);
  cr_assert_neq(element, npos, "no %s", id.c_str());
  const auto at = text.find(" " + attribute + "=\"", element);
  cr_assert_neq(at, npos, "%s has no %s", id.c_str(), attribute.c_str());
  return std::stod(text.substr(at + attribute.size() + 3));
}

double mark(const std::string& text, const char* name) {
  return number(text, fmt::format("id=\"mark-{}\"", name), "x1");
}

std::string row_with(const std::string& text, const std::string& words) {
  const auto at = text.find(words);
  cr_assert_neq(at, npos, "no %s", words.c_str());
  const auto begin = text.rfind("<tr", at);
  return text.substr(begin, text.find("</tr>", at) - begin);
}

}  // namespace

Test(demo_page, the_parser_of_this_test_sees_mistakes) {
  cr_assert(well_formed("<a><b/></a>"));
  cr_assert_not(well_formed("<a><b></a>"));
}

Test(demo_page, is_well_formed_whatever_is_in_it) {
  for (const Story& s : {story(), nasty(), Story{}}) cr_assert(well_formed(page(s)));
  for (const Story& s : {story(), nasty(), Story{}}) cr_assert(well_formed(chart(s)));
  for (const Story& s : {story(), nasty(), Story{}}) cr_assert(well_formed(topology(s)));
}

Test(demo_page, text_cannot_become_markup) {
  const std::string text = page(nasty());
  cr_assert_not(has(text, "<script"));
  cr_assert_eq(count(text, "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;"), 6);
}

Test(demo_page, nothing_is_loaded_and_nothing_runs) {
  std::string text = page(story());
  for (const char* name : {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xhtml"}) {
    for (auto at = text.find(name); at != npos; at = text.find(name)) {
      text.erase(at, std::string_view(name).size());
    }
  }
  for (const char* word : {"<script", "<link", "<img", "<iframe", "src=", "href", "url(", "@import",
                           "://", "onload", "onclick", "javascript"}) {
    cr_assert_not(has(text, word), "%s", word);
  }
}

Test(demo_page, what_xml_cannot_hold_is_replaced) {
  cr_assert_eq(escape("a\x01"), "a\xef\xbf\xbd");
  cr_assert_eq(escape("\x7f"), "\xef\xbf\xbd");
  cr_assert_eq(escape("\xff-\xc3"), "\xef\xbf\xbd-\xef\xbf\xbd");
  cr_assert_eq(escape("\xc0\xaf"), "\xef\xbf\xbd\xef\xbf\xbd");    // "/" in too many bytes
  cr_assert_eq(count(escape("\xed\xa0\x80"), "\xef\xbf\xbd"), 3);  // half a surrogate pair
  cr_assert_eq(count(escape("\xef\xbf\xbf"), "\xef\xbf\xbd"), 3);  // U+FFFF
  cr_assert_eq(escape("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\t\n"),
               "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\t\n");
}

Test(demo_page, marks_stand_where_it_happened) {
  const Story s = story();
  const std::string text = page(s);
  const TimeAxis axis = time_axis(s);
  cr_assert_eq(axis.length, microseconds(10s));
  const auto expect = [&](const char* name, double part) {
    const double want = axis.left + part * (axis.right - axis.left);
    cr_assert_lt(std::abs(mark(text, name) - want), 0.06, "%s: %f", name, mark(text, name));
  };
  expect("unplugged", 0.4);
  expect("plugged", 0.6);
  expect("killed", 0.7);
  expect("started-again", 0.75);
  // The bands lie between them.
  cr_assert_lt(std::abs(number(text, "class=\"gone\"", "x") - mark(text, "unplugged")), 0.06);
  cr_assert_lt(std::abs(number(text, "class=\"gone\"", "width") -
                        (mark(text, "plugged") - mark(text, "unplugged"))),
               0.15);
  cr_assert_eq(count(text, "class=\"gone\""), 4);
}

Test(demo_page, what_did_not_happen_has_no_mark) {
  Story s = story();
  s.moments = {4s, {}, {}, {}};
  const std::string text = page(s);
  cr_assert(has(text, "mark-unplugged"));
  for (const char* name : {"mark-plugged", "mark-killed", "mark-started-again"}) {
    cr_assert_not(has(text, name), "%s", name);
  }
  // What did not end lasts to the end.
  const double left = number(text, "class=\"gone\"", "x"),
               width = number(text, "class=\"gone\"", "width");
  cr_assert_lt(std::abs(left + width - time_axis(s).right), 0.15);
  s.moments = {};
  cr_assert_not(has(page(s), "class=\"gone\""));
}

Test(demo_page, labels_stand_apart) {
  Story s = story();
  s.moments = {7s, 7050ms, 7100ms, 7150ms};
  const std::string text = page(s);
  std::vector<double> heights;
  for (const char* name : {"unplugged", "plugged", "killed", "started-again"}) {
    const std::string id = fmt::format("id=\"mark-{}\"", name);
    heights.push_back(number(text.substr(text.find(id)), "<text", "y"));
  }
  std::ranges::sort(heights);
  for (std::size_t i = 1; i < heights.size(); ++i) {
    cr_assert_geq(heights[i] - heights[i - 1], 16, "%f %f", heights[i - 1], heights[i]);
  }
  // A label on the left is above those that its line would cross.
  cr_assert_eq(heights[0], number(text.substr(text.find("id=\"mark-unplugged\"")), "<text", "y"));
  // With room between them they stand in one lane.
  const std::string apart = page(story());
  cr_assert_eq(number(apart.substr(apart.find("id=\"mark-unplugged\"")), "<text", "y"),
               number(apart.substr(apart.find("id=\"mark-plugged\"")), "<text", "y"));
  // Near the end there is no room to the right.
  s.moments = {9900ms, {}, {}, {}};
  cr_assert(has(page(s), "text-anchor=\"end\">uplink pulled"));
}

Test(demo_page, the_curve_is_high_while_something_came_and_low_while_nothing_did) {
  const Story s = story();
  const std::string text = chart(s);
  const double zero = number(text, "class=\"axis\"", "y1");
  const double most =
      number(text.substr(text.rfind("class=\"grid\"", text.find(">800<"))), "", "y1");
  cr_assert_lt(most, zero - 100);
  const auto begin = text.find("points=\"", text.find("class=\"curve\"")) + 8;
  std::istringstream points(text.substr(begin, text.find('"', begin) - begin));
  const TimeAxis axis = time_axis(s);
  char comma = 0;
  double x = 0, y = 0;
  for (const Slice& slice : s.traffic.slices) {
    cr_assert(points >> x >> comma >> y);
    cr_assert_lt(std::abs(x - axis.at(slice.end - slice.length / 2)), 0.06);
    cr_assert_lt(std::abs(y - (slice.bytes == 0 ? zero : most)), 0.06, "%f", y);
  }
  cr_assert_not(points >> x);
}

Test(demo_page, each_question_is_a_dot_or_a_stroke) {
  const std::string text = page(story());
  cr_assert_eq(count(text, "class=\"echo\""), 160);
  cr_assert_eq(count(text, "class=\"lost\""), 40);
}

Test(demo_page, the_states_show_what_came_and_went) {
  const std::string text = page(story());
  const std::string device = row_with(text, "vpn0, up, mtu 1420");
  cr_assert_eq(count(device, ">yes<"), 1, "%s", device.c_str());
  cr_assert_eq(count(device, ">–<"), 2, "%s", device.c_str());
  cr_assert_lt(device.find("–"), device.find("yes"));
  cr_assert_not(has(text, "c0, up, mtu 1500"));  // it was there all the time
  const std::string links = row_with(text, "Links, 1 unchanged");
  const auto one = links.find(">1<"), two = links.find(">2<");
  cr_assert(one < two && two < links.rfind(">1<"), "%s", links.c_str());
  cr_assert(has(text, "30001 not fwmark 42069"));
}

Test(demo_page, what_remained_is_shown_as_such) {
  Story s = story();
  s.hosts[0].after.push_back({Kind::link, "vpn0, up, mtu 1420"});
  s.left_behind = 1;
  const std::string text = page(s);
  cr_assert_eq(count(row_with(text, "vpn0, up, mtu 1420"), ">yes<"), 2);
  cr_assert(has(text, "class=\"bad\">1 change<"));
}

Test(demo_page, failures_are_said_in_words) {
  Story s = story();
  cr_assert(has(page(s), "All 2 checks held."));
  s.held = false;
  s.proofs[1].held = false;
  s.wire.clear = 3;
  const std::string text = page(s);
  cr_assert(has(text, "1 of 2 checks held."));
  cr_assert(has(row_with(text, "left behind"), "✗ no"));
  cr_assert(has(text, "class=\"number bad\">3<"));
  cr_assert(has(text, "1\u202f234\u202f567"));
}

Test(demo_page, can_be_read_without_eyes) {
  const std::string text = page(story());
  cr_assert_eq(count(text, "<svg"), 2);
  for (const char* name : {"topology", "chart"}) {
    cr_assert(has(text, fmt::format("aria-labelledby=\"{0}-title {0}-text\"", name)));
    cr_assert(has(text, fmt::format("<title id=\"{}-title\">", name)));
    cr_assert(has(text, fmt::format("<desc id=\"{}-text\">", name)));
  }
  cr_assert(has(text, "At 4.00 s: uplink pulled."));
  cr_assert(has(text, "<html lang=\"en\""));
  for (auto at = text.find("<table>"); at != npos; at = text.find("<table>", at + 1)) {
    const std::string table = text.substr(at, text.find("</table>", at) - at);
    cr_assert(has(table, "<th scope="), "%s", table.c_str());
  }
}
