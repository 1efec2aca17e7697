// SPDX-License-Identifier: ISC

// help, and its texts.

#include <fmt/format.h>

#include <algorithm>

#include "tools/command.h"
#include "tools/private_file.h"

namespace vpnd {
namespace {

std::string usage_of(const Command& command) {
  return command.form.empty() ? "vpnd " + command.path
                              : fmt::format("vpnd {} {}", command.path, command.form);
}

Exit run_help(const Arguments& arguments) {
  const std::string path = fmt::format("{}", fmt::join(arguments.positional, " "));
  if (path.empty()) {
    write_out(short_help());
    return Exit::ok;
  }
  // "vpnd help peer" shows all that begin with it.
  std::string text;
  for (const Command& command : all_commands()) {
    if (command.path != path && !command.path.starts_with(path + " ")) continue;
    text += (text.empty() ? "" : "\n") + help_of(command);
  }
  write_out(text);
  return Exit::ok;
}

}  // namespace

std::string help_of(const Command& command) {
  std::string text = fmt::format("usage: {}\n  {}\n", usage_of(command), command.description);
  for (const Option& option : command.options) {
    text += fmt::format("  {:<22} {}\n",
                        option.names + (option.value.empty() ? "" : " ") + option.value,
                        option.description);
  }
  return text;
}

std::string short_help() {
  constexpr std::size_t kColumn = 26;
  std::string text = "vpnd, a VPN for two machines or a few more\n";
  std::optional<Command::Group> group;
  for (const Command& command : all_commands()) {
    if (group != command.group) text += '\n';
    group = command.group;
    const std::string usage = usage_of(command);
    const bool summary = !command.summary.empty();
    // A long form has its summary below.
    const bool below = summary && usage.size() >= kColumn;
    text += summary && !below ? fmt::format("  {:<{}} {}\n", usage, kColumn, command.summary)
                              : fmt::format("  {}\n", usage);
    if (below) text += fmt::format("  {:<{}} {}\n", "", kColumn, command.summary);
  }
  return text +
         "\nOf server and client, any argument but KEY and HOST may be \"auto\", and trailing ones "
         "may be\nleft out. \"vpnd help COMMAND\" says more.\n";
}

Command help_command() {
  return {Command::Group::other,
          "help",
          "[COMMAND]",
          "this list, or more on one of them",
          "the list of commands, or one of them",
          run_help,
          {}};
}

}  // namespace vpnd
