// SPDX-License-Identifier: ISC
// The seam's keep(): a tunnel in the foreground.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "bsd/keeper_loop.h"
#include "bsd/local_socket.h"
#include "bsd/log_output.h"
#include "bsd/sandbox.h"
#include "bsd/server_config.h"
#include "bsd/ssh_origin.h"
#include "bsd/state_dir.h"
#include "bsd/system.h"
#include "core/base/event.h"
#include "core/host.h"
#include "core/plan/state_names.h"
#include "crypto/random.h"

namespace vpnd::host {
namespace {

// Before anything is changed: what this port does not have must not look as if it were done.
void refuse_what_is_not_here(const plan::Config& config) {
  const auto* server = std::get_if<plan::ServerConfig>(&config);
  if (server != nullptr && server->queues > 1) {
    throw config_error("interface.queues: the device has one queue on this system");
  }
  const plan::Common& c = plan::common_of(config);
  if (c.metrics_socket.empty() && c.metrics_textfile.empty()) return;
  throw config_error("metrics.socket and metrics.textfile do not exist on this system",
                     "Leave them out, and ask \"vpnd metrics\" for what they would hold.");
}

std::optional<gid_t> control_group(const plan::Common& common) {
  if (common.control_group.empty()) return std::nullopt;
  const auto group = bsd::group_id(common.control_group);
  if (group) return group;
  throw config_error(fmt::format("control.group: there is no group \"{}\"", common.control_group));
}

std::vector<Endpoint> open_server(plan::ServerConfig& c, bool has_v6, bsd::StateDir& state,
                                  bsd::KeeperFiles& files) {
  files.lease_secret = state.lease_secret();
  plan::settle_v6(c, has_v6, [&] { return bsd::pool_v6_of(files.lease_secret); });
  bsd::announce_resolvers(c);
  c.listen = bsd::listen_endpoints(c, has_v6);
  files.listeners = bsd::open_listeners(c.listen);
  return c.listen;
}

// The engine asks again by itself when what is found here leads to no session.
std::vector<Endpoint> find_server(const plan::ClientConfig& c, const bsd::StateDir& state) {
  if (Address::parse(c.host)) return resolve(c.host, c.port);
  try {
    emit({.kind = EventKind::resolving, .level = Level::info, .text = "resolving " + c.host});
    std::vector<Endpoint> found = resolve(c.host, c.port);
    state.remember(c.host, found);
    return found;
  } catch (const Error& e) {
    std::vector<Endpoint> known = state.recall(c.host, c.port);
    if (known.empty()) throw;
    log(Level::warning, "{}; trying the address it had last, {}", e.what(), known.front().text());
    return known;
  }
}

std::vector<Endpoint> open_client(const plan::ClientConfig& c, bool has_v6, bsd::StateDir& state,
                                  bsd::KeeperFiles& files) {
  files.instance = state.instance(c.host, c.interface);
  files.has_v6 = has_v6;
  std::vector<Endpoint> endpoints = find_server(c, state);
  if (endpoints.size() > plan::kMaxEndpoints) endpoints.resize(plan::kMaxEndpoints);
  return endpoints;
}

// Before anything is changed. Where the variable does not come through (sudo may take it away)
// nothing is known.
void spare_the_administrator(const plan::ClientConfig& c, const std::vector<Endpoint>& endpoints,
                             const Caution& caution) {
  if (caution.may_lose_ssh || caution.try_for.count() > 0) return;
  const char* const value = std::getenv("SSH_CONNECTION");
  const auto shell = value == nullptr ? std::nullopt : bsd::ssh_connection(value);
  if (!shell) return;
  const wire::Lease lease = plan::usual_lease(c);
  const plan::Plan up = plan::plan_client(c, endpoints, &lease, plan::Posture::up);
  if (!bsd::cuts(up, *shell, bsd::real_system().links())) return;
  const std::string from = shell->from.text();
  throw Error(fmt::format("this would cut your SSH connection from {}", from), 0, {}, Exit::config,
              fmt::format("--exclude {}            keeps that address out of the tunnel\n"
                          "--try 60                 takes everything back unless you confirm\n"
                          "--accept-risk lose-ssh   if another way in is open",
                          from));
}

void tell_removed(const std::vector<std::string>& lines) {
  for (const std::string& line : lines) {
    log(Level::notice, "left by an earlier process and removed: {}", line);
  }
}

Exit run(plan::Config config, const Places& places, const Caution& caution, bsd::KeeperFiles files,
         bsd::LogOutput& logging) {
  plan::Common& common = plan::common_of(config);
  bsd::Signals signals;
  files.key = bsd::open_key_file(common.key);
  files.run_directory = places.run;
  files.control_group = control_group(common);
  bsd::StateDir state(places.state);
  Machine machine(places);
  // The device has a name of the system's choice; the tunnel is asked for by the one it was given.
  files.control_name = common.interface;
  common.interface = machine.claim(common.interface);
  if (files.control_name.empty()) files.control_name = common.interface;
  if (common.name.empty()) common.name = common.interface;
  logging.set_tunnel(common.name);
  // A file that names the resolver of a dead tunnel would not find its server.
  tell_removed(machine.sweep_resolver(common.interface));
  const bool has_v6 = machine.has_v6();
  auto* server = std::get_if<plan::ServerConfig>(&config);
  auto* client = std::get_if<plan::ClientConfig>(&config);
  auto endpoints = server != nullptr ? open_server(*server, has_v6, state, files)
                                     : open_client(*client, has_v6, state, files);
  if (client != nullptr) spare_the_administrator(*client, endpoints, caution);
  bsd::make_directories(places.run, 0755);
  const std::string interface = common.interface;
  plan::Keeper keeper(machine, std::move(config), std::move(endpoints));
  tell_removed(machine.sweep(interface, keeper.is_server()));
  keeper.prepare();
  bsd::KeeperLoop loop(keeper, std::move(files), signals, caution);
  const plan::action::Finish end = loop.run();
  emit({.kind = EventKind::reverted, .text = "stopped; every change was taken back"});
  if (end.code == Exit::ok) return end.code;
  throw Error(end.line, 0, {}, end.code, end.remedy);
}

}  // namespace

Exit keep(const plan::Config& config, const Places& places, const Caution& caution,
          const ReadAgain& read_again) {
  plan::Config copy = config;
  refuse_what_is_not_here(copy);
  crypto::init();
  bsd::KeeperFiles files;
  files.read_again = read_again.read;
  files.as_read = config;
  bsd::LogOutput logging(plan::common_of(copy).log_level, plan::common_of(copy).log_format);
  bsd::set_limits();
  return run(std::move(copy), places, caution, std::move(files), logging);
}

}  // namespace vpnd::host
