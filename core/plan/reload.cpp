// SPDX-License-Identifier: ISC
#include "core/plan/reload.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "core/base/log.h"

namespace vpnd::plan {
namespace {

// One key and the fields that it fills. Without take() it waits for a restart.
template<class C>
struct Key {
  std::string name;
  std::function<bool(const C&, const C&)> same;
  std::function<void(C&, const C&)> take;
};

template<class C, class... Field>
Key<C> at_once(std::string name, Field... fields) {
  return {std::move(name),
          [=](const C& a, const C& b) { return ((a.*fields == b.*fields) && ...); },
          [=](C& to, const C& from) { ((to.*fields = from.*fields), ...); }};
}

template<class C, class... Field>
Key<C> at_restart(std::string name, Field... fields) {
  return {std::move(name),
          [=](const C& a, const C& b) { return ((a.*fields == b.*fields) && ...); },
          {}};
}

// The same of a field within a field.
template<class C, class Part, class M>
Key<C> at_once_in(std::string name, Part C::*part, M Part::*field) {
  return {std::move(name), [=](const C& a, const C& b) { return a.*part.*field == b.*part.*field; },
          [=](C& to, const C& from) { to.*part.*field = from.*part.*field; }};
}

// A key file is opened before rights are given up; a device, its mark and its table are what
// sockets and routes of the running tunnel were made with.
template<class C>
std::vector<Key<C>> common_keys() {
  return {at_restart<C>("identity.key", &C::key, &C::credential),
          at_restart<C>("interface.name", &C::interface),
          at_once<C>("interface.mtu", &C::mtu),
          at_restart<C>("log.format", &C::log_format),
          at_restart<C>("metrics.textfile", &C::metrics_textfile),
          at_restart<C>("metrics.socket", &C::metrics_socket),
          at_restart<C>("control.group", &C::control_group),
          at_once<C>("log.level", &C::log_level)};
}

const std::vector<Key<ClientConfig>>& keys_of(const ClientConfig&) {
  using C = ClientConfig;
  static const auto kKeys = [] {
    auto all = common_keys<C>();
    const std::vector<Key<C>> own{
        at_restart<C>("interface.address", &C::local_v4),
        at_restart<C>("interface.fwmark", &C::fwmark),
        at_restart<C>("interface.table", &C::table),
        at_restart<C>("peer.endpoint", &C::host, &C::port),
        at_restart<C>("peer.address", &C::remote_v4),
        at_once<C>("routing.mode", &C::full),
        at_once<C>("routing.include", &C::include),
        at_once<C>("routing.exclude", &C::exclude),
        at_once<C>("routing.lan", &C::lan, &C::lan_prefixes),
        at_once<C>("routing.gateway", &C::gateway),
        at_once<C>("routing.keep_inbound", &C::keep_inbound),
        at_once<C>("kill_switch.mode", &C::kill_switch),
        at_once_in("dns.mode", &C::dns, &Dns::mode),
        at_once_in("dns.servers", &C::dns, &Dns::servers),
        at_once_in("dns.domains", &C::dns, &Dns::domains),
        at_once<C>("timeout", &C::timeout),
    };
    all.insert(all.end(), own.begin(), own.end());
    return all;
  }();
  return kKeys;
}

// A lease is an address of the pool in somebody's hands.
const std::vector<Key<ServerConfig>>& keys_of(const ServerConfig&) {
  using C = ServerConfig;
  static const auto kKeys = [] {
    auto all = common_keys<C>();
    const std::vector<Key<C>> own{
        at_restart<C>("server.listen", &C::listen, &C::port, &C::bind_host),
        at_restart<C>("interface.queues", &C::queues),
        at_restart<C>("server.pool", &C::pool_v4),
        at_restart<C>("server.address", &C::address_v4),
        at_restart<C>("server.first_lease", &C::first_lease),
        at_restart<C>("server.pool6", &C::v6, &C::pool_v6),
        at_restart<C>("server.address6", &C::address_v6),
        at_once<C>("server.max_clients", &C::max_clients),
        at_once<C>("server.max_connections", &C::max_connections),
        at_once<C>("server.isolate", &C::isolate),
        at_once<C>("server.nat", &C::nat),
        at_once<C>("server.ext_ip", &C::external),
        at_once<C>("server.server_lan", &C::server_lan),
        at_once<C>("server.push_dns", &C::push_dns),
        at_once<C>("dns.forward", &C::dns_forward),
    };
    all.insert(all.end(), own.begin(), own.end());
    return all;
  }();
  return kKeys;
}

template<class C>
ConfigChange compare_same(C before, const C& next) {
  ConfigChange out;
  for (const Key<C>& key : keys_of(before)) {
    if (key.same(before, next)) continue;
    (key.take ? out.in_place : out.at_restart).push_back(key.name);
    if (key.take) key.take(before, next);
  }
  before.name = next.name;  // it follows from the file's name, which is the same
  // Rather a restart too many than a change that nobody hears of.
  if (out.at_restart.empty() && !(before == next)) out.at_restart.emplace_back("the rest");
  return out;
}

template<class C>
void list_keys(const C& of, std::vector<ReloadKey>& out) {
  for (const Key<C>& key : keys_of(of)) out.push_back({key.name, !key.take});
}

}  // namespace

ConfigChange compare(const Config& before, const Config& next) {
  if (before.index() != next.index()) return {{}, {"mode"}};
  return std::visit([&next]<class C>(const C& b) { return compare_same(b, std::get<C>(next)); },
                    before);
}

void take_over(Config& running, const Config& next) {
  std::visit(
      [&next]<class C>(C& to) {
        const C& from = std::get<C>(next);
        for (const Key<C>& key : keys_of(to)) {
          if (key.take) key.take(to, from);
        }
      },
      running);
}

std::vector<ReloadKey> reload_keys() {
  std::vector<ReloadKey> out{{"mode", true}};
  list_keys(ClientConfig{}, out);
  list_keys(ServerConfig{}, out);
  return out;
}

Reloaded reloaded(const ConfigChange& change) {
  std::string line = change.in_place.empty()
                         ? "nothing is changed"
                         : fmt::format("in force: {}", fmt::join(change.in_place, ", "));
  if (change.at_restart.empty()) return {Exit::ok, std::move(line), {}};
  return {Exit::failure,
          fmt::format("{}; not before a restart: {}", line, fmt::join(change.at_restart, ", ")),
          "Restart the tunnel for the rest."};
}

std::optional<Reloaded> cannot_reload(bool has_file, bool stopping) {
  if (!has_file) {
    return Reloaded{
        Exit::usage, "this tunnel has no file that could be read again",
        "It was started by \"vpnd client\" or \"vpnd server\"; \"vpnd run FILE\" has one."};
  }
  if (stopping) return Reloaded{Exit::temporary, "the tunnel is stopping", {}};
  return std::nullopt;
}

Reloaded reload(const std::function<ConfigChange()>& take_in) {
  try {
    const ConfigChange change = take_in();
    Reloaded out = reloaded(change);
    log(change.at_restart.empty() ? Level::notice : Level::warning, "the file was read again; {}",
        out.line);
    return out;
  } catch (const Error& e) {
    log(Level::error, "{}; nothing was changed", e.what());
    return {e.code() == Exit::ok ? Exit::failure : e.code(), e.what(), e.remedy()};
  }
}

std::string to_text(const Reloaded& r) {
  return fmt::format("{}\n{}\n{}", static_cast<int>(r.code), r.line, r.remedy);
}

std::optional<Reloaded> reloaded_from(const std::string& text) {
  int code = 0;
  const auto first = text.find('\n');
  const auto second = first == text.npos ? first : text.find('\n', first + 1);
  if (second == text.npos) return std::nullopt;
  const auto [at, error] = std::from_chars(text.data(), text.data() + first, code);
  if (error != std::errc() || at != text.data() + first || code < 0 || code > 255) {
    return std::nullopt;
  }
  return Reloaded{static_cast<Exit>(code), text.substr(first + 1, second - first - 1),
                  text.substr(second + 1)};
}

}  // namespace vpnd::plan
