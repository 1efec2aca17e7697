// SPDX-License-Identifier: ISC

// doctor: would a tunnel work here, and does the one that runs do what it should.

#include <fmt/format.h>

#include <filesystem>
#include <optional>

#include "tools/command.h"
#include "tools/configuration.h"
#include "tools/private_file.h"

namespace vpnd {
namespace {

// Of a NAME there may be none: the tunnel may have been started without.
std::optional<plan::Config> config_of(const std::string& word, const Arguments& arguments) {
  if (word.empty()) return std::nullopt;
  std::error_code none;
  const bool needless = !is_config_file(word) && host::status(word, places_of(arguments));
  if (needless && !std::filesystem::exists(config_path(word, arguments), none)) return std::nullopt;
  return read_config(word, arguments);
}

Exit run_doctor(const Arguments& arguments) {
  const auto [word, name] = tunnel_name(arguments);
  const auto config = config_of(word, arguments);
  const plan::Findings found = host::doctor(name, config, places_of(arguments));
  write_out(arguments.json ? plan::to_json(found) + "\n" : plan::print(found));
  return plan::problems(found) > 0 ? Exit::failure : Exit::ok;
}

}  // namespace

Command doctor_command() {
  return {
      Command::Group::look,
      "doctor",
      "[NAME|FILE]",
      "what on this host is in a tunnel's way",
      "examine this host, for that tunnel if one is named, and change nothing. Exit 1: there is "
      "a problem",
      run_doctor,
      Options{json_option()} + place_options() + Options{config_dir_option()}};
}

}  // namespace vpnd
