// SPDX-License-Identifier: ISC
// The manuals speak of the commands and options that there are, and of no others.

#include <criterion/criterion.h>

#include <algorithm>
#include <regex>
#include <set>
#include <string>

#include "tests/cli/program.h"

namespace {

using Names = std::set<std::string>;

std::string manual(const std::string& name) {
  return cli::read_file(VPND_SOURCE_DIR "/tools/man/" + name + ".scd");
}

const std::string& all() {
  static const std::string text = manual("vpnd.8") + manual("vpnd-demo.1");
  return text;
}

// Everything that matches the first group.
Names matches(const std::string& text, const char* pattern) {
  const std::regex wanted(pattern);
  Names out;
  for (auto at = std::sregex_iterator(text.begin(), text.end(), wanted);
       at != std::sregex_iterator(); ++at) {
    out.insert((*at)[1]);
  }
  return out;
}

// Printed bold, as in "*--mtu* _BYTES_" or "*genkey --server*".
Names options_of(const std::string& text) {
  Names out;
  for (const std::string& bold : matches(text, R"(\*([^*\n]+)\*)")) {
    out.merge(matches(" " + bold, R"(\s(--?[a-z][-a-z]*))"));
  }
  return out;
}

std::string section(const std::string& text, const std::string& name) {
  const auto begin = text.find("# " + name + "\n");
  cr_assert_neq(begin, std::string::npos, "%s", name.c_str());
  return text.substr(begin, text.find("\n# ", begin + 2) - begin);
}

}  // namespace

Test(manual, has_each_command_in_its_synopsis_and_no_other) {
  const Names written = matches(section(manual("vpnd.8"), "SYNOPSIS"), R"(\*vpnd ([a-z ]+)\*)");
  Names known;
  for (const cli::Command& command : cli::commands()) {
    known.insert(command.path);
    cr_assert(written.contains(command.path), "%s", command.path.c_str());
  }
  for (const std::string& path : written) cr_assert(known.contains(path), "%s", path.c_str());
}

// Besides the synopsis.
Test(manual, speaks_of_each_command) {
  const std::string text = manual("vpnd.8");
  std::string rest = text.substr(text.find("# DESCRIPTION"));
  std::ranges::replace(rest, '\n', ' ');  // bold may go on in the next line
  for (const cli::Command& command : cli::commands()) {
    const std::regex bold("\\*(vpnd )?" + command.path + "[^*]*\\*");
    cr_assert(std::regex_search(rest, bold), "%s", command.path.c_str());
  }
}

Test(manual, has_each_option_and_no_other) {
  const Names written = options_of(all());
  Names known;
  for (const cli::Command& command : cli::commands()) {
    for (const cli::Option& option : command.options) {
      known.insert(option.names.begin(), option.names.end());
      const bool found = std::ranges::any_of(
          option.names, [&](const std::string& name) { return written.contains(name); });
      cr_assert(found, "%s of %s", option.names[0].c_str(), command.path.c_str());
    }
  }
  cr_assert_geq(known.size(), 20u);
  known.insert("-t");  // of journalctl
  for (const std::string& name : written) cr_assert(known.contains(name), "%s", name.c_str());
}

// The option that a command's own line of the synopsis shows must be its own.
Test(manual, gives_each_command_its_own_options) {
  for (const std::string& line : cli::lines(section(manual("vpnd.8"), "SYNOPSIS"))) {
    if (!line.starts_with("*vpnd ")) continue;
    Names own;
    for (const cli::Command& command : cli::commands()) {
      if (!line.starts_with("*vpnd " + command.path + "*")) continue;
      for (const cli::Option& option : command.options) {
        own.insert(option.names.begin(), option.names.end());
      }
    }
    for (const std::string& name : options_of(line)) {
      cr_assert(own.contains(name), "%s in %s", name.c_str(), line.c_str());
    }
  }
}
