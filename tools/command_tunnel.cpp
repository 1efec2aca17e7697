// SPDX-License-Identifier: ISC

// server, client, run, plan.

#include <fmt/format.h>

#include <algorithm>

#include "core/plan/suggest.h"
#include "tools/command.h"
#include "tools/configuration.h"
#include "tools/private_file.h"

namespace vpnd {
namespace {

// The only NAME|FILE.
plan::Config configured(const Arguments& arguments, std::span<const std::string> words) {
  const std::string& command = arguments.command->path;
  if (words.size() == 1) return read_config(words[0], arguments);
  throw usage_error(words.empty() ? fmt::format("{} needs a configuration", command)
                                  : fmt::format("\"{}\" is one argument too many", words[1]),
                    fmt::format("usage: vpnd {} {}", command, arguments.command->form));
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
  if (arguments.mtu) common.mtu = static_cast<Mtu>(*arguments.mtu);
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

Exit keep(plan::Config config, const Arguments& arguments) {
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

Exit run_server(const Arguments& arguments) {
  return keep(plan::server_from_arguments(arguments.positional), arguments);
}

Exit run_client(const Arguments& arguments) {
  return keep(plan::client_from_arguments(arguments.positional), arguments);
}

Exit run_run(const Arguments& arguments) {
  return keep(configured(arguments, arguments.positional), arguments);
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
    config = configured(arguments, words);
  }
  write_out(plan_for(std::move(config)));
  return Exit::ok;
}

Options client_options() {
  return {{"--timeout", "SEC", "give up if never connected for so long; 0: never",
           &Arguments::timeout, 0, 86400},
          {"--kill-switch", "MODE",
           "on, session, always or off: what becomes of traffic past the tunnel",
           &Arguments::kill_switch},
          {"--try", "SEC", "take it all back after so long, unless confirmed", &Arguments::try_for,
           1, 86400},
          {"--accept-risk", "RISK", "lose-ssh: start although it cuts this very SSH connection",
           &Arguments::accepted_risk},
          {"--keep-inbound", "", "answer past the tunnel who connects to this host past it",
           &Arguments::keep_inbound},
          {"--exclude", "PREFIX", "leave this prefix out of the tunnel; may be repeated",
           &Arguments::exclude}};
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
          running_options() + Options{config_dir_option()}};
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
