// SPDX-License-Identifier: ISC
// The rest of the seam: a tunnel in the foreground, its status, what it would do, what it left.

#include "core/host.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/base/event.h"
#include "core/plan/resolv_conf.h"
#include "core/plan/state_names.h"
#include "crypto/random.h"
#include "linux/apply.h"
#include "linux/confine.h"
#include "linux/control_socket.h"
#include "linux/default_queues.h"
#include "linux/keeper_loop.h"
#include "linux/kept.h"
#include "linux/listeners.h"
#include "linux/local_socket.h"
#include "linux/log_output.h"
#include "linux/loop_choice.h"
#include "linux/lower.h"
#include "linux/nft.h"
#include "linux/patience.h"
#include "linux/socket.h"
#include "linux/ssh_origin.h"
#include "linux/state_dir.h"
#include "linux/text_file.h"

namespace vpnd::host {
namespace {

std::vector<Endpoint> listen_endpoints(const plan::ServerConfig& c, bool v6) {
  if (!c.listen.empty()) return c.listen;
  if (!c.bind_host.empty()) return resolve(c.bind_host, c.port);
  return {{v6 ? Address::v6(ByteArray<16>{}) : Address(), c.port}};
}

void announce_resolver(plan::ServerConfig& c) {
  if (!c.push_dns.empty() || !c.dns_forward) return;
  plan::use_resolvers(c, resolvers());
  if (c.upstream_v4 || c.upstream_v6) return;
  log(Level::warning,
      "clients are told of no resolver, for this host has none that others can ask; name one with "
      "server.push_dns");
}

std::vector<Endpoint> open_server(plan::ServerConfig& c, Machine& machine, nl::StateDir& state,
                                  nl::KeeperFiles& files, nl::Kept& kept) {
  files.lease_secret = state.lease_secret();
  const bool v6 = machine.has_v6();
  plan::settle_v6(c, v6, [&] { return nl::derived_pool_v6(files.lease_secret); });
  announce_resolver(c);
  if (c.queues == 0) c.queues = nl::default_queues();
  auto given = files.service.take_listeners();
  files.listeners_given = !given.empty();
  nl::Listeners all = files.listeners_given
                          ? nl::given_listeners(std::move(given))
                          : nl::open_listeners(listen_endpoints(c, v6), std::move(kept.listeners));
  files.listeners = std::move(all.sockets);
  c.listen = all.endpoints;
  return all.endpoints;
}

// A wall that outlived an earlier process lets no look-up out.
bool behind_a_wall(const std::string& interface) {
  try {
    nl::NftSocket socket;
    return nl::wall_present(socket, interface);
  } catch (const Error&) {
    return false;
  }
}

// What is known without asking anybody. Empty: nothing is.
std::vector<Endpoint> known_server(const plan::ClientConfig& c, const nl::StateDir& state) {
  std::vector<Endpoint> out;
  for (const Address& a : plan::hosts_addresses(nl::read_text("/etc/hosts"), c.host)) {
    out.push_back({a, c.port});
  }
  return out.empty() ? state.recall(c.host, c.port) : out;
}

// Behind a wall the engine asks, by the way that the wall leaves it; it asks anyway when what is
// found here leads to no session. Elsewhere the host's own ways of finding names come first: it
// knows more of them. A hostile network need not let them through.
std::vector<Endpoint> find_server(const plan::ClientConfig& c, const nl::StateDir& state,
                                  Machine& machine) {
  if (Address::parse(c.host)) return resolve(c.host, c.port);
  if (behind_a_wall(c.interface)) {
    std::vector<Endpoint> known = known_server(c, state);
    const bool can_ask =
        plan::looked_up_name(c.host).has_value() && !machine.outer_resolvers().empty();
    if (!known.empty() || can_ask) return known;
  }
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

std::vector<Endpoint> open_client(const plan::ClientConfig& c, Machine& machine,
                                  nl::StateDir& state, nl::KeeperFiles& files,
                                  const std::optional<plan::KeptSession>& before) {
  files.instance = state.instance(c.host, c.interface);
  files.has_v6 = machine.has_v6();
  const bool same = before && before->host == c.host && before->port == c.port;
  std::vector<Endpoint> endpoints =
      same && !before->endpoints.empty() ? before->endpoints : find_server(c, state, machine);
  if (endpoints.size() > plan::kMaxEndpoints) endpoints.resize(plan::kMaxEndpoints);
  return endpoints;
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

nl::KeeperFolders lasting_folders(const plan::Config& config, const Places& places,
                                  const std::string& file) {
  nl::KeeperFolders out{{places.state, places.run}, {}, {}};
  if (!file.empty()) out.read.push_back(file);
  // A server reads its client list anew, which is beside its key.
  if (const auto* server = std::get_if<plan::ServerConfig>(&config)) {
    out.searched.push_back(folder_of(server->key));
  } else {
    out.written.push_back("/etc");  // a client's resolver file
  }
  const plan::Common& common = plan::common_of(config);
  for (const std::string& path : {common.metrics_textfile, common.metrics_socket}) {
    if (!path.empty()) out.written.push_back(folder_of(path));
  }
  return out;
}

// Before anything is changed.
void spare_the_administrator(const plan::ClientConfig& c, const std::vector<Endpoint>& endpoints,
                             const Caution& caution) {
  if (caution.may_lose_ssh || caution.try_for.count() > 0) return;
  const auto shell = nl::ssh_origin();
  const nl::HostFacts facts = shell ? nl::Host().facts() : nl::HostFacts{};
  if (!shell || !nl::is_of(*shell, facts)) return;
  const std::string from = shell->from.text();
  const wire::Lease lease = plan::usual_lease(c);
  const plan::Plan up = plan::plan_client(c, endpoints, &lease, plan::Posture::up);
  if (nl::stays_reachable(nl::lower(up, facts), shell->from)) return;
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

// With what an earlier process has left: by its device where that was kept, so that there is no
// moment without; else from the start. A client's device without a session would only be in the
// way.
void go_on(plan::Keeper& keeper, Machine& machine, nl::KeeperFiles& files, nl::Kept& kept) {
  const std::string& name = keeper.common().interface;
  bool adopt = kept.interface == name && (keeper.is_server() || kept.session);
  if (adopt) {
    tell_removed(machine.adopt(name));
    machine.note_tunnel(keeper.common().name);
    keeper.resume(kept.tunnel.release(), kept.session);
    try {
      keeper.prepare();
    } catch (const Error& e) {
      log(Level::warning, "{}; starting anew instead of going on", e.what());
      adopt = false;
    }
  }
  if (!adopt) {
    kept.tunnel.reset();
    files.service.forget(nl::kKeptTunnel);
    tell_removed(machine.sweep(name, keeper.is_server()));
    machine.note_tunnel(keeper.common().name);
    keeper.resume(-1, kept.session);
    keeper.prepare();
  }
  // Once the new wall stands.
  if (!kept.interface.empty() && kept.interface != name) {
    tell_removed(machine.forget(kept.interface));
  }
  files.session = kept.session_file ? std::move(kept.session_file) : nl::make_session_file();
  files.tables = machine.tables();
}

// Nothing is destroyed, or it would be taken back.
[[noreturn]] void leave_standing(Machine& machine) {
  machine.note_standing();
  log(Level::notice, "stopped; what was changed on this host stays for the next process");
  _exit(static_cast<int>(Exit::ok));
}

std::optional<gid_t> control_group(const plan::Common& common) {
  if (common.control_group.empty()) return std::nullopt;
  const auto group = nl::group_id(common.control_group);
  if (group) return group;
  throw config_error(fmt::format("control.group: there is no group \"{}\"", common.control_group));
}

Exit run(plan::Config config, const Places& places, const Caution& caution, nl::KeeperFiles files,
         nl::LogOutput& logging) {
  plan::Common& common = plan::common_of(config);
  nl::Signals signals;
  nl::Kept kept = nl::take_kept(files.service);
  files.key = nl::open_key(common);
  files.run_directory = places.run;
  files.control_group = control_group(common);
  nl::StateDir state(places.state);
  Machine machine(places, kept.tables.release());
  common.interface = machine.claim(common.interface.empty() ? kept.interface : common.interface);
  if (common.name.empty()) common.name = common.interface;
  logging.set_tunnel(common.name);
  // A file that names the resolver of a dead tunnel would not find its server.
  tell_removed(machine.sweep_resolver(common.interface));
  auto* server = std::get_if<plan::ServerConfig>(&config);
  auto endpoints = server != nullptr ? open_server(*server, machine, state, files, kept)
                                     : open_client(std::get<plan::ClientConfig>(config), machine,
                                                   state, files, kept.session);
  if (server == nullptr) {
    spare_the_administrator(std::get<plan::ClientConfig>(config), endpoints, caution);
  }
  nl::make_directories(places.run, 0755);
  nl::confine_keeper(lasting_folders(config, places, files.path));
  plan::Keeper keeper(machine, std::move(config), std::move(endpoints));
  go_on(keeper, machine, files, kept);
  nl::KeeperLoop loop(keeper, std::move(files), signals, nl::loop_choice(), caution.try_for);
  loop.when_running(caution.running);
  const plan::action::Finish end = loop.run();
  if (loop.stands()) leave_standing(machine);
  emit({.kind = EventKind::reverted, .text = "stopped; every change was taken back"});
  if (end.code == Exit::ok) return end.code;
  throw Error(end.line, 0, {}, end.code, end.remedy);
}

}  // namespace

Exit keep(const plan::Config& config, const Places& places, const Caution& caution,
          const ReadAgain& read_again) {
  nl::KeeperFiles files;
  files.service = nl::ServiceManager::from_environment();
  files.path = read_again.path;
  files.read_again = read_again.read;
  files.as_read = config;
  crypto::init();
  plan::Config copy = config;
  nl::LogOutput logging(plan::common_of(copy).log_level, plan::common_of(copy).log_format);
  nl::raise_limits();
  return run(std::move(copy), places, caution, std::move(files), logging);
}

std::string log_prefix(Level level) {
  return nl::level_prefix(level);
}

std::vector<Address> resolvers() {
  const auto own = plan::askable(plan::nameservers(nl::read_text("/etc/resolv.conf")));
  if (!own.empty()) return own;
  // Behind the stub of systemd-resolved, which answers this host alone.
  return plan::askable(plan::nameservers(nl::read_text("/run/systemd/resolve/resolv.conf")));
}

std::vector<std::string> cleanup(const std::string& interface, const Places& places) {
  return nl::Host().sweep(interface, places.state);
}

std::vector<std::string> running(const Places& places) {
  return nl::control_names(places.run);
}

std::optional<std::string> status(const std::string& name, const Places& places) {
  const std::string chosen = nl::chosen_name(places.run, name);
  return chosen.empty() ? std::nullopt : nl::ask(places.run, chosen, nl::Request::status);
}

bool confirm(const std::string& name, const Places& places) {
  const std::string chosen = nl::chosen_name(places.run, name);
  return !chosen.empty() && nl::ask(places.run, chosen, nl::Request::confirm).has_value();
}

std::optional<plan::Reloaded> reload(const std::string& name, const Places& places) {
  const std::string chosen = nl::chosen_name(places.run, name);
  const auto answer =
      chosen.empty() ? std::nullopt : nl::ask(places.run, chosen, nl::Request::reload);
  return answer ? plan::reloaded_from(*answer) : std::nullopt;
}

std::vector<Endpoint> resolve(const std::string& host, std::uint16_t port) {
  if (const auto address = Address::parse(host)) return {{*address, port}};
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  const int failed = getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (failed != 0) {
    const char* why = failed == EAI_SYSTEM ? std::strerror(errno) : gai_strerror(failed);
    throw Error("the name " + host + " does not resolve", 0, why, Exit::unavailable);
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, freeaddrinfo);
  std::vector<Endpoint> out;
  for (const addrinfo* a = list; a != nullptr; a = a->ai_next) {
    sockaddr_storage address{};
    std::memcpy(&address, a->ai_addr, std::min<std::size_t>(a->ai_addrlen, sizeof address));
    Endpoint e = nl::from_sockaddr(address);
    e.port = port;
    if (std::ranges::find(out, e) == out.end()) out.push_back(e);
  }
  return out;
}

}  // namespace vpnd::host
