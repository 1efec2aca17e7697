// SPDX-License-Identifier: ISC
// Findings as they are told, to people and to programs.

#include "core/plan/doctor.h"

#include <criterion/criterion.h>

#include "tests/vectors/vectors.h"

using namespace vpnd;
using namespace vpnd::plan;
using enum Verdict;

namespace {

Findings findings() {
  return {
      {"kernel.tun", ok, "tun", {}, {}},
      {"conflicts.rules", problem, "rule 7 \"comes\" first", "stop it:", {"ip rule del pref 7"}},
      {"kernel.ipv6", note, "IPv4 only", {}, {}},
      {"leaks.wall", skipped, "cannot be seen", {}, {}}};
}

}  // namespace

Test(doctor, for_people) {
  cr_assert_eq(print(findings()),
               "kernel\n"
               "  ✓ tun               tun\n"
               "  ! ipv6              IPv4 only\n"
               "conflicts\n"
               "  ✗ rules             rule 7 \"comes\" first\n"
               "      fix: stop it:\n"
               "      $ ip rule del pref 7\n"
               "leaks\n"
               "  – wall              cannot be seen\n"
               "1 problem, 1 note\n",
               "%s", print(findings()).c_str());
  cr_assert_eq(print({}), "0 problems, 0 notes\n");
}

Test(doctor, for_programs) {
  const std::string text = to_json(findings());
  cr_assert_eq(text.find('\n'), std::string::npos);
  const auto j = test::Value::parse(text);
  cr_assert_eq(j.at("schema").text(), "vpnd.doctor/1");
  cr_assert_eq(j.at("problems").text(), "1");
  cr_assert_eq(j.at("notes").text(), "1");
  const auto& checks = j.at("checks");
  cr_assert_eq(checks.size(), 4u);
  const auto& rules = checks.at(1);
  cr_assert_eq(rules.at("id").text(), "conflicts.rules");
  cr_assert_eq(rules.at("group").text(), "conflicts");
  cr_assert_eq(rules.at("result").text(), "problem");
  cr_assert_eq(rules.at("detail").text(), "rule 7 \"comes\" first");
  cr_assert_eq(rules.at("fix").at("advice").text(), "stop it:");
  cr_assert_eq(rules.at("fix").at("commands").at(0).text(), "ip rule del pref 7");
  cr_assert_eq(checks.at(0).at("result").text(), "ok");
  cr_assert_eq(checks.at(2).at("result").text(), "note");
  cr_assert_eq(checks.at(3).at("result").text(), "skipped");
}

Test(doctor, counts_problems_alone) {
  cr_assert_eq(problems(findings()), 1u);
  cr_assert_eq(problems({{"a.b", note, "", "", {}}}), 0u);
}
