// SPDX-License-Identifier: ISC

// check: the leak test.

#include "tools/command.h"
#include "tools/private_file.h"

namespace vpnd {
namespace {

Exit run_check(const Arguments& arguments) {
  const std::string name = argument_or(arguments, "");
  const auto report = host::check(name, places_of(arguments));
  if (!report) throw not_running(name);
  write_out(arguments.json ? plan::to_json(*report) + "\n" : plan::print(*report));
  if (report->leaks() > 0) return Exit::leak;
  // What was never tried is not clean.
  return report->outcomes.empty() ? Exit::failure : Exit::ok;
}

}  // namespace

Command check_command() {
  return {Command::Group::look,
          "check",
          "[NAME]",
          "try whether anything leaves past the tunnel",
          "try every way out, and watch whether anything leaves past the tunnel. Exit 3: it does",
          run_check,
          Options{json_option()} + place_options()};
}

}  // namespace vpnd
