// SPDX-License-Identifier: ISC
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/plan/lowered.h"

namespace vpnd::plan {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kSchema = "vpnd.plan/1";

// What no command does for a program that has ended.
constexpr const char* kNotTheSame =
    "# Not the same: the device has no carrier and carries nothing until a program attaches to "
    "it,\n"
    "# and stays when nobody does; the nftables tables have no owner. To take it back: \"vpnd\n"
    "# cleanup\" for rules, routes, tables and the resolver file; \"ip link del\" for the device; "
    "what\n"
    "# is set (sysctl, iptables' chains) as it was.\n";

}  // namespace

std::string print(const Plan& plan, const Lowered& lowered) {
  std::string out = print(plan) + "\n";
  std::size_t number = 0;
  for (const Change& change : lowered.changes) {
    out += fmt::format("{:>3} {}\n", ++number, change.what);
  }
  if (!lowered.warnings.empty()) out += "\n";
  for (const std::string& w : lowered.warnings) out += "! " + w + "\n";
  for (const std::string& a : lowered.assumed) out += "\n" + a + "\n";
  return out + "\nNothing has been changed. The same as commands: --format=ip\n";
}

std::string to_json(const Plan& plan, const Lowered& lowered) {
  Json changes = Json::array();
  for (const Change& change : lowered.changes) {
    changes.push_back({{"number", changes.size() + 1},
                       {"kind", change.kind},
                       {"what", change.what},
                       {"netlink", change.message},
                       {"undo", change.undo},
                       {"commands", change.commands}});
  }
  return Json{{"schema", kSchema},
              {"title", plan.title},
              {"changes", changes},
              {"warnings", lowered.warnings},
              {"assumed", lowered.assumed}}
      .dump();
}

std::string commands(const Plan& plan, const Lowered& lowered) {
  std::string out = fmt::format("# {}\n{}", plan.title, kNotTheSame);
  for (const std::string& a : lowered.assumed) out += "# " + a + "\n";
  for (const std::string& w : lowered.warnings) out += "# ! " + w + "\n";
  std::size_t number = 0;
  for (const Change& change : lowered.changes) {
    out += fmt::format("\n# {} {}\n{}", ++number, change.what, change.commands);
  }
  return out;
}

}  // namespace vpnd::plan
