// SPDX-License-Identifier: ISC

// reload.

#include "tools/command.h"
#include "tools/configuration.h"
#include "tools/private_file.h"

namespace vpnd {
namespace {

// What is wrong with the file is said as "vpnd run" would say it, and with the same code.
Exit run_reload(const Arguments& arguments) {
  const auto [word, name] = tunnel_name(arguments);
  const auto done = host::reload(name, places_of(arguments));
  if (!done) throw not_running_error(word);
  if (done->code != Exit::ok) throw Error(done->line, 0, {}, done->code, done->remedy);
  write_out(done->line + "\n");
  return Exit::ok;
}

}  // namespace

Command reload_command() {
  return {Command::Group::tunnel,
          "reload",
          "[NAME]",
          "read the file of a running one again",
          "read the file of a running tunnel again. Exit 1: some of it waits for a restart",
          run_reload,
          place_options() + Options{config_dir_option()}};
}

}  // namespace vpnd
