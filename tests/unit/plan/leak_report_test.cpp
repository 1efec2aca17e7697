// SPDX-License-Identifier: ISC
#include <criterion/criterion.h>

#include "core/plan/leak.h"
#include "tests/support/terrain.h"
#include "tests/vectors/vectors.h"

using namespace vpnd;
using namespace vpnd::plan;
using namespace vpnd::test;

namespace {

LeakReport report() {
  LeakReport r{"vpn0", "up", "on", {"eth0", "wlan0"}, {}, {"the server 10.0.0.9: not for it"}};
  const auto all = ways(terrain());
  for (std::size_t i = 0; i < 5; ++i) r.outcomes.push_back({all[i], static_cast<Fate>(i), {}});
  r.outcomes[0].detail = "UDP to 127.0.0.53:53 left by eth0";
  r.outcomes[2].detail = "Operation not permitted";
  return r;
}

}  // namespace

Test(leak_report, for_people) {
  LeakReport r = report();
  const std::string text = print(r);
  cr_assert(text.starts_with("vpn0  up, kill switch on; watched: eth0, wlan0\n"), "%s",
            text.c_str());
  for (const char* part :
       {"LEAK: UDP to 127.0.0.53:53 left by eth0\n", "  tunnel\n",
        "refused: Operation not permitted\n", "  answered, not seen outside\n",
        "  not seen outside\n", "  not tried: the server 10.0.0.9: not for it\n"}) {
    cr_assert_neq(text.find(part), std::string::npos, "%s in %s", part, text.c_str());
  }
  cr_assert(text.ends_with("\nleak: 1 of 5 ways lead past the tunnel\n"), "%s", text.c_str());
  r.outcomes.erase(r.outcomes.begin());
  cr_assert(print(r).ends_with("\nclean: nothing left past the tunnel\n"));
  r.outcomes.clear();
  cr_assert(print(r).ends_with("\nuntested: the tunnel takes nothing that could be tried\n"));
}

Test(leak_report, for_programs) {
  LeakReport r = report();
  const std::string text = to_json(r);
  cr_assert(text.find('\n') == std::string::npos);
  const auto j = test::Value::parse(text);
  cr_assert_eq(j.at("schema").text(), "vpnd.check/1");
  cr_assert_eq(j.at("verdict").text(), "leak");
  cr_assert_eq(j.at("leaks").text(), "1");
  cr_assert_eq(j.at("ways").size(), 5u);
  cr_assert_eq(j.at("ways").at(0).at("result").text(), "leak");
  cr_assert_eq(j.at("ways").at(0).at("to").text(), "127.0.0.53:53");
  cr_assert_eq(j.at("ways").at(1).at("result").text(), "tunnel");
  cr_assert_eq(j.at("ways").at(1).at("protocol").text(), "tcp");
  r.outcomes.erase(r.outcomes.begin());
  cr_assert_eq(test::Value::parse(to_json(r)).at("verdict").text(), "clean");
  r.outcomes.clear();
  cr_assert_eq(test::Value::parse(to_json(r)).at("verdict").text(), "untested");
}
