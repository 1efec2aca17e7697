// SPDX-License-Identifier: ISC

// What a service manager runs beside the tunnels: cleanup, lock, dns.

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "tools/command.h"
#include "tools/private_file.h"

namespace vpnd {
namespace {

constexpr const char* kConfigFolder = "/etc/vpnd";

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

// Every file of that folder, or those that are named.
std::vector<std::string> config_files(const std::vector<std::string>& named) {
  if (!named.empty()) return named;
  std::vector<std::string> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(kConfigFolder, error)) {
    if (entry.path().extension() == ".toml") found.push_back(entry.path().string());
  }
  std::ranges::sort(found);
  return found;
}

// Whether there is a wall to put up.
bool lock(const std::string& file, const host::Places& places) {
  const plan::Config config = plan::config_from_toml(read_config_text(file), file);
  const auto* client = std::get_if<plan::ClientConfig>(&config);
  if (client == nullptr || client->kill_switch != plan::KillSwitch::always) return false;
  try {
    const std::string interface = host::lock(*client, places);
    write_out(fmt::format("the wall of {} stands: nothing leaves until it runs\n", interface));
  } catch (const Error& error) {
    if (error.code() != Exit::temporary) throw;  // else it runs, and holds its wall itself
  }
  return true;
}

}  // namespace

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
  const host::Places places = places_of(arguments);
  std::optional<Error> first;
  for (const std::string& file : config_files(arguments.positional)) {
    try {
      const bool walled = lock(file, places);
      if (!walled && !arguments.positional.empty()) {
        throw config_error(file + " has no kill switch \"always\"",
                           "[kill_switch] mode = \"always\" holds when no tunnel runs");
      }
    } catch (const Error& error) {
      if (!first) first = error;
    }
  }
  if (first) throw Error(*first);
  return Exit::ok;
}

}  // namespace vpnd
