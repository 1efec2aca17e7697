// SPDX-License-Identifier: ISC

// check: the leak test.

#include <fmt/format.h>

#include "tools/command.h"
#include "tools/private_file.h"

namespace vpnd {

Exit run_check(const Arguments& arguments) {
  const std::string name = argument_or(arguments, "");
  const auto report = host::check(name, places_of(arguments));
  if (!report) {
    throw Error(name.empty() ? "no tunnel runs" : fmt::format("no tunnel \"{}\" runs", name), 0, {},
                Exit::not_running);
  }
  write_out(arguments.json ? plan::to_json(*report) + "\n" : plan::print(*report));
  if (report->leaks() > 0) return Exit::leak;
  // What was never tried is not clean.
  return report->outcomes.empty() ? Exit::failure : Exit::ok;
}

}  // namespace vpnd
