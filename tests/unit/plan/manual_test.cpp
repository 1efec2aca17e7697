// SPDX-License-Identifier: ISC
// What status prints and what a file may say, the manuals explain.

#include <criterion/criterion.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "core/base/drop.h"
#include "core/plan/config.h"

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

// The keys that have a paragraph of their own in vpnd.toml(5): "*fwmark*, *table*" alone on a line,
// below a heading such as "# [interface]".
std::set<std::string> keys_explained() {
  std::ifstream file(VPND_SOURCE_DIR "/tools/man/vpnd.toml.5.scd");
  std::set<std::string> out;
  std::string section;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("# ")) {
      const auto begin = line.find_first_not_of("[", 2);
      section = line.substr(begin, line.find_first_of("]") - begin);
      inside = line[2] == '[' || line == "# TOP LEVEL";
      if (line == "# TOP LEVEL") section.clear();
    }
    if (!inside || !line.starts_with('*') || !line.ends_with('*')) continue;
    std::istringstream words(line);
    for (std::string word; words >> word;) {
      const std::string key = word.substr(1, word.rfind('*') - 1);
      out.insert(section.empty() ? key : section + "." + key);
    }
  }
  return out;
}

Test(manual, explains_each_key_and_no_other) {
  const auto written = keys_explained();
  std::set<std::string> known;
  for (const std::string& key : plan::config_keys()) {
    known.insert(key);
    cr_assert(written.contains(key), "%s is not explained", key.c_str());
  }
  for (const std::string& key : written) {
    cr_assert(known.contains(key), "%s does not exist", key.c_str());
  }
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
