// SPDX-License-Identifier: ISC

// server, client, run.

#include "tools/command.h"
#include "tools/configuration.h"
#include "tools/tunnel_options.h"

namespace vpnd {
namespace {

Exit keep(plan::Config config, const Arguments& arguments, const host::ReadAgain& read_again = {}) {
  apply_options(config, arguments);
  return host::keep(config, places_of(arguments), caution_of(arguments), read_again);
}

Exit run_server(const Arguments& arguments) {
  return keep(plan::server_from_arguments(arguments.positional), arguments);
}

Exit run_client(const Arguments& arguments) {
  return keep(plan::client_from_arguments(arguments.positional), arguments);
}

Exit run_run(const Arguments& arguments) {
  plan::Config config = only_config(arguments, arguments.positional);
  return keep(std::move(config), arguments, reading_again(arguments));
}

}  // namespace

Command server_command() {
  return {Command::Group::tunnel,
          "server",
          "KEY [ADDR] [PORT] [TUN] [LOCAL-IP] [REMOTE-IP] [EXT-IP]",
          "",
          "wait for clients, until ^C",
          run_server,
          running_options()};
}

Command client_command() {
  return {Command::Group::tunnel,
          "client",
          "KEY HOST [PORT] [TUN] [LOCAL-IP] [REMOTE-IP] [GATEWAY]",
          "",
          "connect to a server, until ^C",
          run_client,
          running_options() + client_options()};
}

Command run_command() {
  return {Command::Group::tunnel,
          "run",
          "NAME|FILE",
          "a tunnel that a file describes",
          "bring up the tunnel of " VPND_CONFIG_DIR
          "/NAME.toml, or of FILE, until ^C; see vpnd.toml(5)",
          run_run,
          running_options() + client_options() + Options{config_dir_option()}};
}

}  // namespace vpnd
