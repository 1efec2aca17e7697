// SPDX-License-Identifier: ISC

// Takes the command line apart and hands over; every error of a command ends here.

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>

#include "core/wire/key_issue.h"
#include "tools/arguments.h"
#include "tools/command.h"

namespace vpnd {
namespace {

Exit run(const Arguments& arguments) {
  return arguments.command == nullptr ? run_bare(arguments) : arguments.command->run(arguments);
}

// "vpnd: what is wrong", then what to do about it, indented.
void complain(const char* line, const std::string& remedy) {
  const std::string prefix = host::log_prefix(Level::error);
  std::string text = fmt::format("{}vpnd: {}\n", prefix, line);
  std::size_t start = 0;
  while (start < remedy.size()) {
    const std::size_t end = std::min(remedy.find('\n', start), remedy.size());
    text += fmt::format("{}  {}\n", prefix, remedy.substr(start, end - start));
    start = end + 1;
  }
  std::fputs(text.c_str(), stderr);
}

}  // namespace
}  // namespace vpnd

int main(int argc, char** argv) {
  try {
    vpnd::wire::prepare_keys();
    return static_cast<int>(vpnd::run(vpnd::parse_arguments(argc, argv)));
  } catch (const vpnd::Error& error) {
    vpnd::complain(error.what(), error.remedy());
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    vpnd::complain(error.what(), "This is a fault of vpnd; please report it.");
    return static_cast<int>(vpnd::Exit::software);
  }
}
