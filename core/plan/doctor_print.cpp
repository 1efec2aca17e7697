// SPDX-License-Identifier: ISC
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/plan/doctor.h"

namespace vpnd::plan {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kSchema = "vpnd.doctor/1";
constexpr std::size_t kIdWidth = 16;

std::string_view group_of(const Finding& f) {
  return std::string_view(f.id).substr(0, f.id.find('.'));
}

std::string_view mark(Verdict v) noexcept {
  switch (v) {
    case Verdict::ok:
      return "✓";
    case Verdict::note:
      return "!";
    case Verdict::problem:
      return "✗";
    case Verdict::skipped:
      break;
  }
  return "–";
}

std::string line(const Finding& f) {
  const std::string id = f.id.substr(std::min(f.id.size(), group_of(f).size() + 1));
  std::string out = fmt::format("  {} {:<{}}  {}\n", mark(f.verdict), id, kIdWidth, f.detail);
  if (!f.advice.empty()) out += fmt::format("      fix: {}\n", f.advice);
  for (const std::string& command : f.commands) out += fmt::format("      $ {}\n", command);
  return out;
}

std::size_t count(const Findings& all, Verdict v) noexcept {
  return static_cast<std::size_t>(std::ranges::count(all, v, &Finding::verdict));
}

std::string plural(std::size_t n, const char* what) {
  return fmt::format("{} {}{}", n, what, n == 1 ? "" : "s");
}

}  // namespace

std::string_view verdict_name(Verdict v) noexcept {
  switch (v) {
    case Verdict::ok:
      return "ok";
    case Verdict::note:
      return "note";
    case Verdict::problem:
      return "problem";
    case Verdict::skipped:
      break;
  }
  return "skipped";
}

std::size_t problems(const Findings& all) noexcept {
  return count(all, Verdict::problem);
}

std::string print(const Findings& all) {
  std::vector<std::string_view> groups;
  for (const Finding& f : all) {
    if (std::ranges::find(groups, group_of(f)) == groups.end()) groups.push_back(group_of(f));
  }
  std::string out;
  for (const std::string_view group : groups) {
    out += fmt::format("{}\n", group);
    for (const Finding& f : all) {
      if (group_of(f) == group) out += line(f);
    }
  }
  return out + fmt::format("{}, {}\n", plural(problems(all), "problem"),
                           plural(count(all, Verdict::note), "note"));
}

std::string to_json(const Findings& all) {
  Json checks = Json::array();
  for (const Finding& f : all) {
    checks.push_back({{"id", f.id},
                      {"group", group_of(f)},
                      {"result", verdict_name(f.verdict)},
                      {"detail", f.detail},
                      {"fix", {{"advice", f.advice}, {"commands", f.commands}}}});
  }
  return Json{{"schema", kSchema},
              {"problems", problems(all)},
              {"notes", count(all, Verdict::note)},
              {"checks", checks}}
      .dump();
}

}  // namespace vpnd::plan
