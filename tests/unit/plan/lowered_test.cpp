// SPDX-License-Identifier: ISC
// A lowered plan as text, as JSON, and as commands.

#include "core/plan/lowered.h"

#include <criterion/criterion.h>

#include "tests/support/plans.h"
#include "tests/vectors/vectors.h"

using namespace vpnd;
using namespace vpnd::plan;

namespace {

Lowered lowered() {
  Lowered out;
  out.changes = {
      {"rule", "+ rule  1", "RTM_NEWRULE", "removed", "ip rule add pref 1\n"},
      {"nft", "+ nft   table t", "NFT_MSG_NEWTABLE", "stays", "nft -f - <<'END'\nEND\n"}};
  out.warnings = {"somebody is cut off"};
  out.assumed = {"the address is made up"};
  return out;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

Test(lowered, as_text_with_numbers_warnings_and_what_is_assumed) {
  const Plan plan = test::client_plan(test::client_config());
  const std::string text = print(plan, lowered());
  cr_assert(text.starts_with(print(plan)));
  for (const char* part :
       {"\n  1 + rule  1\n", "\n  2 + nft   table t\n", "! somebody is cut off\n",
        "the address is made up\n", "Nothing has been changed."}) {
    cr_assert(has(text, part), "%s in %s", part, text.c_str());
  }
}

Test(lowered, as_json) {
  const std::string text = to_json(test::client_plan(test::client_config()), lowered());
  cr_assert_not(has(text, "\n"));
  const auto j = test::Value::parse(text);
  cr_assert_eq(j.at("schema").text(), "vpnd.plan/1");
  cr_assert_eq(j.at("title").text(), "client vpn0: up");
  cr_assert_eq(j.at("changes").size(), 2u);
  const auto& second = j.at("changes").at(1);
  cr_assert_eq(second.at("number").text(), "2");
  cr_assert_eq(second.at("kind").text(), "nft");
  cr_assert_eq(second.at("what").text(), "+ nft   table t");
  cr_assert_eq(second.at("netlink").text(), "NFT_MSG_NEWTABLE");
  cr_assert_eq(second.at("undo").text(), "stays");
  cr_assert_eq(second.at("commands").text(), "nft -f - <<'END'\nEND\n");
  cr_assert_eq(j.at("warnings").at(0).text(), "somebody is cut off");
  cr_assert_eq(j.at("assumed").at(0).text(), "the address is made up");
}

// A shell runs it as it is: all but the commands is comment.
Test(lowered, as_commands) {
  const std::string text = commands(test::client_plan(test::client_config()), lowered());
  cr_assert(text.starts_with("# client vpn0: up\n"), "%s", text.c_str());
  cr_assert(has(text, "# ! somebody is cut off\n"));
  cr_assert(has(text, "# the address is made up\n"));
  cr_assert(text.ends_with("\n# 1 + rule  1\nip rule add pref 1\n\n# 2 + nft   table t\n"
                           "nft -f - <<'END'\nEND\n"),
            "%s", text.c_str());
}
