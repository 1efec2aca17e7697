// SPDX-License-Identifier: ISC

// plan: what server, client or run would do to this host.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "core/plan/suggest.h"
#include "tools/command.h"
#include "tools/configuration.h"
#include "tools/private_file.h"
#include "tools/tunnel_options.h"

namespace vpnd {
namespace {

struct Format {
  const char* name;
  std::string (*print)(const plan::Plan&, const plan::Lowered&);
};

std::string as_json(const plan::Plan& plan, const plan::Lowered& lowered) {
  return plan::to_json(plan, lowered) + "\n";
}

constexpr std::array kFormats{Format{"text", plan::print}, Format{"json", as_json},
                              Format{"ip", plan::commands}};

const Format& format_of(const std::string& word) {
  std::vector<std::string> names;
  for (const Format& format : kFormats) {
    if (word == format.name) return format;
    names.emplace_back(format.name);
  }
  if (word.empty()) return kFormats.front();
  throw usage_error(fmt::format("--format is text, json or ip, not \"{}\"{}", word,
                                plan::did_you_mean(word, names)));
}

// In place of the prefix that a server derives from a secret of its host.
void make_up_v6(plan::ServerConfig& server, std::vector<std::string>& assumed) {
  if (server.v6 != plan::ServerConfig::V6::derived) return;
  server.pool_v6 = Prefix::parse("fd76:706e:6400::/64");
  server.address_v6 = Address::parse("fd76:706e:6400::1");
  assumed.emplace_back(
      "The IPv6 prefix is made up here; the real one derives from a secret of this host.");
}

plan::Plan client_plan(const plan::ClientConfig& client, std::vector<std::string>& assumed) {
  const wire::Lease lease = plan::usual_lease(client);
  if (!client.local_v4) {
    assumed.emplace_back(
        "The inner addresses are the server's to give; these are what a server without settings of "
        "its own would lease, with an IPv6 prefix made up here.");
  }
  return plan::plan_client(client, host::resolve(client.host, client.port), &lease,
                           plan::Posture::up);
}

std::string plan_for(plan::Config config, const Arguments& arguments) {
  const Format& format = format_of(arguments.format);
  auto& common = plan::common_of(config);
  if (common.interface.empty()) common.interface = "vpn0";
  std::vector<std::string> assumed;
  plan::Plan plan;
  if (auto* server = std::get_if<plan::ServerConfig>(&config)) {
    plan::use_resolvers(*server, host::resolvers());
    make_up_v6(*server, assumed);
    plan = plan::plan_server(*server);
  } else {
    plan = client_plan(std::get<plan::ClientConfig>(config), assumed);
  }
  plan::Lowered lowered = host::lowered(plan);
  lowered.assumed = std::move(assumed);
  return format.print(plan, lowered);
}

plan::Config planned(const Arguments& arguments) {
  const std::span<const std::string> words = arguments.positional;
  if (words.empty()) {
    throw usage_error("plan needs to know what for", "usage: vpnd plan " + arguments.command->form);
  }
  if (words.front() == "server") return plan::server_from_arguments(words.subspan(1));
  if (words.front() == "client") return plan::client_from_arguments(words.subspan(1));
  return only_config(arguments, words);
}

Exit run_plan(const Arguments& arguments) {
  plan::Config config = planned(arguments);
  apply_options(config, arguments);
  write_out(plan_for(std::move(config), arguments));
  return Exit::ok;
}

}  // namespace

Command plan_command() {
  return {Command::Group::look,
          "plan",
          "server KEY ... | client KEY HOST ... | NAME|FILE",
          "what server, client or run would change",
          "print each change that would be made, and make none; other options as there",
          run_plan,
          Options{{"--format", "FORMAT", "text, json, or ip: as commands that do the same",
                   &Arguments::format}} +
              running_options() + client_options() + Options{config_dir_option()}};
}

}  // namespace vpnd
