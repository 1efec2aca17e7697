// SPDX-License-Identifier: ISC

// Which commands there are, and what several of them share.

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include <fmt/format.h>

#include "tools/command.h"

namespace vpnd {
namespace {

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) return {};
  // A service manager may name several folders, separated by colons; the first is ours.
  const std::string all(value);
  return all.substr(0, all.find(':'));
}

}  // namespace

const std::vector<Command>& all_commands() {
  static const std::vector<Command> commands{
      server_command(),      client_command(), run_command(),         up_command(),
      down_command(),        reload_command(), confirm_command(),     cleanup_command(),
      lock_command(),        plan_command(),   status_command(),      top_command(),
      events_command(),      wait_command(),   metrics_command(),     check_command(),
      doctor_command(),      genkey_command(), peer_add_command(),    peer_list_command(),
      peer_revoke_command(), pubkey_command(), fingerprint_command(), demo_command(),
      dns_command(),         help_command(),   version_command(),
  };
  return commands;
}

const Command* find_command(const std::string& path) {
  const auto& all = all_commands();
  const auto at = std::ranges::find(all, path, &Command::path);
  return at == all.end() ? nullptr : &*at;
}

Options operator+(Options all, const Options& more) {
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

Option json_option() {
  return {"--json", "", "for programs", &Arguments::json};
}

Option verbose_option(const char* description) {
  return {"-v,--verbose", "", description, &Arguments::verbose};
}

Options place_options() {
  return {
      {"--state-dir", "DIR", "where ids and secrets of this host are kept", &Arguments::state_dir},
      {"--run-dir", "DIR", "where the status sockets are", &Arguments::run_dir}};
}

Option config_dir_option() {
  return {"--config-dir", "DIR", "where the files of a NAME are", &Arguments::config_dir};
}

Options running_options() {
  return place_options() +
         Options{{"--mtu", "BYTES", "of the tunnel, 1280 to 9000", &Arguments::mtu, 1280, 9000},
                 verbose_option("log more"),
                 {"-q,--quiet", "", "log only what needs attention", &Arguments::quiet},
                 {"--log-format", "FORMAT", "text or json", &Arguments::log_format}};
}

std::string place(const std::string& option, const char* variable, const char* otherwise) {
  if (!option.empty()) return std::filesystem::absolute(option).string();
  std::string managed = from_environment(variable);
  return managed.empty() ? otherwise : managed;
}

host::Places places_of(const Arguments& arguments) {
  return {place(arguments.state_dir, "STATE_DIRECTORY", VPND_STATE_DIR),
          place(arguments.run_dir, "RUNTIME_DIRECTORY", VPND_RUN_DIR)};
}

std::string argument_or(const Arguments& arguments, const char* otherwise) {
  const auto& words = arguments.positional;
  if (words.size() > 1) throw usage_error(fmt::format("\"{}\" is one argument too many", words[1]));
  return words.empty() ? otherwise : words.front();
}

}  // namespace vpnd
