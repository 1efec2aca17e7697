// SPDX-License-Identifier: ISC
#include "tools/tunnel_options.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/plan/suggest.h"
#include "tools/configuration.h"

namespace vpnd {
namespace {

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

void change_client(plan::ClientConfig& client, const Arguments& arguments) {
  if (arguments.timeout) client.timeout = std::chrono::seconds(*arguments.timeout);
  if (!arguments.kill_switch.empty()) client.kill_switch = kill_switch_of(arguments.kill_switch);
  client.keep_inbound = client.keep_inbound || arguments.keep_inbound;
  for (const std::string& word : arguments.exclude) client.exclude.push_back(prefix_of(word));
}

void refuse_of_client(const Arguments& arguments) {
  const auto refuse = [](bool given, const char* name) {
    if (given) throw usage_error(fmt::format("{} is for a client, and this is a server", name));
  };
  refuse(arguments.timeout.has_value(), "--timeout");
  refuse(!arguments.kill_switch.empty(), "--kill-switch");
  refuse(arguments.try_for.has_value(), "--try");
  refuse(!arguments.accepted_risk.empty(), "--accept-risk");
  refuse(arguments.keep_inbound, "--keep-inbound");
  refuse(!arguments.exclude.empty(), "--exclude");
}

}  // namespace

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

void apply_options(plan::Config& config, const Arguments& arguments) {
  auto& common = plan::common_of(config);
  if (arguments.mtu) common.mtu = static_cast<Mtu>(*arguments.mtu);
  if (arguments.verbose > 0) common.log_level = Level::debug;
  if (arguments.quiet) common.log_level = Level::warning;
  if (!arguments.log_format.empty()) common.log_format = log_format_of(arguments.log_format);
  if (auto* client = std::get_if<plan::ClientConfig>(&config)) {
    change_client(*client, arguments);
  } else {
    refuse_of_client(arguments);
  }
}

host::Caution caution_of(const Arguments& arguments) {
  host::Caution caution;
  caution.try_for = std::chrono::seconds(arguments.try_for.value_or(0));
  if (!arguments.accepted_risk.empty() && arguments.accepted_risk != "lose-ssh") {
    throw usage_error(
        fmt::format("--accept-risk knows \"lose-ssh\", not \"{}\"", arguments.accepted_risk));
  }
  caution.may_lose_ssh = !arguments.accepted_risk.empty();
  return caution;
}

host::ReadAgain reading_again(const Arguments& arguments) {
  const auto read = [arguments] {
    plan::Config config = only_config(arguments, arguments.positional);
    apply_options(config, arguments);
    return config;
  };
  return {config_path(arguments.positional.front(), arguments), read};
}

}  // namespace vpnd
