// SPDX-License-Identifier: ISC

// server, client, run, plan.

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "core/plan/suggest.h"
#include "tools/command.h"
#include "tools/private_file.h"

namespace vpnd {
namespace {

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) return {};
  // A service manager may name several folders, separated by colons; the first is ours.
  const std::string all(value);
  return all.substr(0, all.find(':'));
}

std::string place(const std::string& option, const char* variable, const char* otherwise) {
  if (!option.empty()) return std::filesystem::absolute(option).string();
  std::string managed = from_environment(variable);
  return managed.empty() ? otherwise : managed;
}

plan::Config config_from_file(std::span<const std::string> words) {
  if (words.size() != 1) {
    throw usage_error(words.empty() ? "run needs a configuration file"
                                    : fmt::format("\"{}\" is one argument too many", words[1]),
                      "usage: vpnd run FILE");
  }
  return plan::config_from_toml(read_config_text(words[0]), words[0]);
}

plan::Config configuration(Command command, std::span<const std::string> words) {
  if (command == Command::server) return plan::server_from_arguments(words);
  if (command == Command::client) return plan::client_from_arguments(words);
  return config_from_file(words);
}

plan::LogFormat log_format_of(const std::string& word) {
  for (const auto format : {plan::LogFormat::text, plan::LogFormat::json}) {
    if (word == plan::log_format_name(format)) return format;
  }
  const std::vector<std::string> words{"text", "json"};
  throw usage_error(fmt::format("--log-format is text or json, not \"{}\"{}", word,
                                plan::did_you_mean(word, words)));
}

plan::KillSwitch kill_switch_of(const std::string& word) {
  const auto words = plan::kill_switch_names();
  const auto at = std::find(words.begin(), words.end(), word);
  if (at != words.end()) return static_cast<plan::KillSwitch>(at - words.begin());
  throw usage_error(fmt::format("--kill-switch is on, session, always or off, not \"{}\"{}", word,
                                plan::did_you_mean(word, words)));
}

// Also a single address: --exclude 192.0.2.1.
Prefix prefix_of(const std::string& word) {
  const auto address = Address::parse(word);
  const auto prefix = address ? std::optional(Prefix::host(*address)) : Prefix::parse(word);
  if (!prefix) throw usage_error(fmt::format("--exclude: \"{}\" is no address or prefix", word));
  if (prefix->length == 0) {
    throw usage_error(fmt::format("--exclude: {} leaves nothing for the tunnel", word));
  }
  return prefix->masked();
}

void client_options(plan::ClientConfig& client, const Arguments& arguments) {
  if (arguments.timeout) client.timeout = std::chrono::seconds(*arguments.timeout);
  if (!arguments.kill_switch.empty()) client.kill_switch = kill_switch_of(arguments.kill_switch);
  client.keep_inbound = client.keep_inbound || arguments.keep_inbound;
  for (const std::string& word : arguments.exclude) client.exclude.push_back(prefix_of(word));
}

void apply_options(plan::Config& config, const Arguments& arguments) {
  auto& common = std::visit([](auto& c) -> plan::Common& { return c; }, config);
  if (arguments.mtu) common.mtu = *arguments.mtu;
  if (arguments.verbose > 0) common.log_level = Level::debug;
  if (arguments.quiet) common.log_level = Level::warning;
  if (!arguments.log_format.empty()) common.log_format = log_format_of(arguments.log_format);
  if (auto* client = std::get_if<plan::ClientConfig>(&config)) client_options(*client, arguments);
}

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

}  // namespace

host::Places places_of(const Arguments& arguments) {
  return {place(arguments.state_dir, "STATE_DIRECTORY", "/var/lib/vpnd"),
          place(arguments.run_dir, "RUNTIME_DIRECTORY", "/run/vpnd")};
}

std::string argument_or(const Arguments& arguments, const char* otherwise) {
  const auto& words = arguments.positional;
  if (words.size() > 1) throw usage_error(fmt::format("\"{}\" is one argument too many", words[1]));
  return words.empty() ? otherwise : words.front();
}

Exit run_tunnel(const Arguments& arguments) {
  plan::Config config = configuration(arguments.command, arguments.positional);
  apply_options(config, arguments);
  host::Caution caution;
  caution.try_for = std::chrono::seconds(arguments.try_for.value_or(0));
  if (!arguments.accepted_risk.empty() && arguments.accepted_risk != "lose-ssh") {
    throw usage_error(
        fmt::format("--accept-risk knows \"lose-ssh\", not \"{}\"", arguments.accepted_risk));
  }
  caution.may_lose_ssh = !arguments.accepted_risk.empty();
  return host::keep(config, places_of(arguments), caution);
}

Exit run_plan(const Arguments& arguments) {
  std::span<const std::string> words = arguments.positional;
  Command command = Command::run;
  if (!words.empty() && words.front() == "server") command = Command::server;
  if (!words.empty() && words.front() == "client") command = Command::client;
  if (words.empty()) {
    throw usage_error("plan needs to know what for",
                      "usage: vpnd plan server KEY ... | client KEY HOST ... | FILE");
  }
  if (command != Command::run) words = words.subspan(1);
  write_out(plan_for(configuration(command, words)));
  return Exit::ok;
}

}  // namespace vpnd
