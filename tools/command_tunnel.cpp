// SPDX-License-Identifier: ISC

// server, client, run, plan.

#include <fmt/format.h>

#include <span>

#include "tools/command.h"
#include "tools/configuration.h"
#include "tools/private_file.h"
#include "tools/tunnel_options.h"

namespace vpnd {
namespace {

std::string plan_for(plan::Config config) {
  auto& common = std::visit([](auto& c) -> plan::Common& { return c; }, config);
  if (common.interface.empty()) common.interface = "vpn0";
  if (auto* server = std::get_if<plan::ServerConfig>(&config)) {
    plan::use_resolvers(*server, host::resolvers());
    return host::plan_text(plan::plan_server(*server));
  }
  const auto& client = std::get<plan::ClientConfig>(config);
  const wire::Lease lease = plan::usual_lease(client);
  std::string text = host::plan_text(plan::plan_client(
      client, host::resolve(client.host, client.port), &lease, plan::Posture::up));
  if (!client.local_v4) {
    text +=
        "\nThe inner addresses are the server's to give; these are what a server without\n"
        "settings of its own would lease, with an IPv6 prefix made up here.\n";
  }
  return text;
}

Exit keep(plan::Config config, const Arguments& arguments) {
  apply_options(config, arguments);
  return host::keep(config, places_of(arguments), caution_of(arguments));
}

Exit run_server(const Arguments& arguments) {
  return keep(plan::server_from_arguments(arguments.positional), arguments);
}

Exit run_client(const Arguments& arguments) {
  return keep(plan::client_from_arguments(arguments.positional), arguments);
}

Exit run_run(const Arguments& arguments) {
  return keep(only_config(arguments, arguments.positional), arguments);
}

Exit run_plan(const Arguments& arguments) {
  const std::span<const std::string> words = arguments.positional;
  if (words.empty()) {
    throw usage_error("plan needs to know what for", "usage: vpnd plan " + arguments.command->form);
  }
  plan::Config config;
  if (words.front() == "server") {
    config = plan::server_from_arguments(words.subspan(1));
  } else if (words.front() == "client") {
    config = plan::client_from_arguments(words.subspan(1));
  } else {
    config = only_config(arguments, words);
  }
  write_out(plan_for(std::move(config)));
  return Exit::ok;
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
          "bring up the tunnel of /etc/vpnd/NAME.toml, or of FILE, until ^C; see vpnd.toml(5)",
          run_run,
          running_options() + client_options() + Options{config_dir_option()}};
}

Command plan_command() {
  return {Command::Group::look,
          "plan",
          "server KEY ... | client KEY HOST ... | NAME|FILE",
          "what server, client or run would change",
          "print each change that would be made, and make none",
          run_plan,
          {config_dir_option()}};
}

}  // namespace vpnd
