// SPDX-License-Identifier: ISC
// What status prints, the manual explains.

#include <criterion/criterion.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "core/base/drop.h"

namespace vpnd {
namespace {

// The words that have a paragraph of their own in a section: "*word*" alone on its line.
std::set<std::string> explained(const std::string& section) {
  std::ifstream file(VPND_SOURCE_DIR "/tools/man/vpnd.8.scd");
  std::set<std::string> out;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("# ")) inside = line == "# " + section;
    if (!inside || line.size() < 3 || line.front() != '*' || line.back() != '*') continue;
    out.insert(line.substr(1, line.size() - 2));
  }
  return out;
}

Test(manual, explains_each_reason_of_a_drop_and_no_other) {
  std::set<std::string> printed;
  for (std::size_t i = 1; i < kDropCount; ++i) printed.emplace(name(static_cast<Drop>(i)));
  const auto written = explained("DROP REASONS");
  for (const std::string& reason : printed) {
    cr_assert(written.contains(reason), "%s is not explained", reason.c_str());
  }
  for (const std::string& reason : written) {
    cr_assert(printed.contains(reason), "%s is never printed", reason.c_str());
  }
}

}  // namespace
}  // namespace vpnd
