// SPDX-License-Identifier: ISC

// What a service manager runs beside the tunnels: cleanup, lock, dns.

#include <fmt/format.h>

#include <cstdlib>

#include "tools/command.h"
#include "tools/configuration.h"
#include "tools/private_file.h"

namespace vpnd {
namespace {

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::vector<std::string> cleanup(const Arguments& arguments) {
  const std::string name = argument_or(arguments, "");
  const host::Places places = places_of(arguments);
  if (!arguments.after_service) return host::cleanup(name, places);
  const host::ServiceEnd end{environment("SERVICE_RESULT"), environment("EXIT_CODE"),
                             environment("EXIT_STATUS")};
  if (name.empty() || end.result.empty()) {
    throw usage_error(name.empty() ? "cleanup --after-service needs the name of a tunnel"
                                   : "cleanup --after-service is for a service manager",
                      "\"vpnd cleanup\" takes back all that a dead process left");
  }
  return host::cleanup_after_service(name, places, end);
}

// Whether there is a wall to put up.
bool lock(const std::string& word, const Arguments& arguments) {
  const plan::Config config = read_config(word, arguments);
  const auto* client = std::get_if<plan::ClientConfig>(&config);
  if (client == nullptr || client->kill_switch != plan::KillSwitch::always) return false;
  try {
    const std::string interface = host::lock(*client, places_of(arguments));
    write_out(fmt::format("the wall of {} stands: nothing leaves until it runs\n", interface));
  } catch (const Error& error) {
    if (error.code() != Exit::temporary) throw;  // else it runs, and holds its wall itself
  }
  return true;
}

Exit run_cleanup(const Arguments& arguments) {
  const auto lines = cleanup(arguments);
  for (const std::string& line : lines) write_out(line + "\n");
  if (lines.empty() && !arguments.after_service) write_out("nothing was left behind\n");
  return Exit::ok;
}

Exit run_dns(const Arguments& arguments) {
  (void)argument_or(arguments, "");
  return host::serve_resolver(places_of(arguments));
}

// One that cannot be read must not leave the others open.
Exit run_lock(const Arguments& arguments) {
  const bool named = !arguments.positional.empty();
  std::optional<Error> first;
  for (const std::string& word : named ? arguments.positional : config_names(arguments)) {
    try {
      if (lock(word, arguments) || !named) continue;
      throw config_error(word + " has no kill switch \"always\"",
                         "[kill_switch] mode = \"always\" holds when no tunnel runs");
    } catch (const Error& error) {
      if (!first) first = error;
    }
  }
  if (first) throw Error(*first);
  return Exit::ok;
}

}  // namespace

Command cleanup_command() {
  return {Command::Group::tunnel,
          "cleanup",
          "[NAME]",
          "undo what a killed process left",
          "undo what a dead process left, for one interface or for all",
          run_cleanup,
          place_options() +
              Options{{"--after-service", "",
                       "for a service manager: NAME is a tunnel; its kill switch is left alone",
                       &Arguments::after_service}}};
}

Command lock_command() {
  return {Command::Group::tunnel,
          "lock",
          "[NAME|FILE...]",
          "nothing leaves until the tunnel runs (kill switch \"always\")",
          "put up the wall of tunnels whose kill switch is \"always\"",
          run_lock,
          place_options() + Options{config_dir_option()}};
}

Command dns_command() {
  return {Command::Group::other,
          "dns",
          "",
          "",
          "for vpnd-dns.service: name the resolver of tunnels that are not root's",
          run_dns,
          place_options()};
}

}  // namespace vpnd
