// SPDX-License-Identifier: ISC
#include "core/base/event.h"

#include <criterion/criterion.h>

#include <set>
#include <vector>

using namespace vpnd;

namespace {
std::vector<std::string> lines, events;
void keep_line(Level, std::string_view line) {
  lines.emplace_back(line);
}
void keep_event(const Event& e) {
  events.push_back(e.text);
}
}  // namespace

Test(event, every_kind_has_a_name_of_its_own) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kEventKinds; ++i) {
    const auto kind = static_cast<EventKind>(i);
    cr_assert(names.insert(name(kind)).second, "%zu has another's name", i);
    cr_assert(event_kind(name(kind)) == kind);
  }
  cr_assert(!event_kind("rebooted") && !event_kind(""));
}

Test(event, is_a_line_where_nobody_keeps_its_fields) {
  emit({.kind = EventKind::lost, .text = "without a sink"});
  set_log(keep_line, Level::info);
  emit({.kind = EventKind::lost, .text = "gone"});
  emit({.kind = EventKind::rekeyed, .level = Level::debug, .text = "too much"});
  cr_assert(lines == std::vector<std::string>{"gone"});
  set_event_sink(keep_event);
  emit({.kind = EventKind::connected, .text = "back"});
  emit({.kind = EventKind::rekeyed, .level = Level::debug, .text = "too much"});
  cr_assert(lines == std::vector<std::string>{"gone"});
  cr_assert(events == std::vector<std::string>{"back"});
}

Test(event, a_listener_hears_those_that_the_log_leaves_out) {
  std::vector<EventKind> heard;
  set_event_listener([&heard](const Event& e) { heard.push_back(e.kind); });
  set_log(keep_line, Level::error);
  emit({.kind = EventKind::trying, .level = Level::info, .text = "x"});
  emit({.kind = EventKind::rekeyed, .level = Level::debug, .text = "x"});
  cr_assert(heard == (std::vector{EventKind::trying, EventKind::rekeyed}));
  cr_assert(lines.empty());
  set_event_listener({});
  emit({.kind = EventKind::lost, .text = "x"});
  cr_assert_eq(heard.size(), 2u);
}
