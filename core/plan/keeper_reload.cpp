// SPDX-License-Identifier: ISC
// The keeper goes over to another configuration while its tunnel runs, and the line by which a
// service manager shows what it is at.

#include <algorithm>

#include "core/plan/keeper.h"
#include "core/plan/lease_policy.h"

namespace vpnd::plan {
namespace {

using engine::ClientState;

to_engine::Settings settings_for(const Config& config, const Common& common) {
  to_engine::Settings out;
  out.log_level = common.log_level;
  const auto* server = std::get_if<ServerConfig>(&config);
  if (server == nullptr) return out;
  out.server.max_clients = server->max_clients;
  out.server.isolate = server->isolate;
  out.server.mtu = server->mtu;
  out.server.dns_v4 = announced_resolver(*server, Family::v4).value_or(Address{});
  if (server->pool_v6) {
    out.server.dns_v6 = announced_resolver(*server, Family::v6).value_or(Address{});
  }
  return out;
}

std::string in_ms(Duration d) {
  const double ms = std::chrono::duration<double, std::milli>(d).count();
  return ms < 10 ? fmt::format("{:.1f} ms", ms) : fmt::format("{:.0f} ms", ms);
}

}  // namespace

Actions Keeper::change(Config next) {
  if (stopping_) return {};
  Config before = std::exchange(config_, std::move(next));
  try {
    if (const auto* server = std::get_if<ServerConfig>(&config_)) {
      go_over(plan_server(*server));
    } else {
      settle(posture(), lease_);
    }
  } catch (...) {
    config_ = std::move(before);
    throw;
  }
  if (engine_ == EngineState::none) return {};  // the next one starts with it
  return {action::SendSettings{settings_for(config_, common())}};
}

void Keeper::resume(int tunnel, const std::optional<KeptSession>& session) {
  kept_tunnel_ = tunnel;
  const auto* client = std::get_if<ClientConfig>(&config_);
  if (client == nullptr || !session) return;
  cookie_ = session->cookie;
  was_up_ = true;
  if (tunnel >= 0 && !refusal(*client, endpoints_, session->lease)) lease_ = session->lease;
}

std::optional<KeptSession> Keeper::kept_session() const {
  const auto* client = std::get_if<ClientConfig>(&config_);
  if (client == nullptr || !lease_) return std::nullopt;
  KeptSession out{client->host, client->port, {}, *lease_, cookie_};
  std::ranges::copy_if(endpoints_, std::back_inserter(out.endpoints),
                       [](const Endpoint& e) { return e.port != 0; });
  return out;
}

std::string Keeper::summary() const {
  if (stopping_) return "stopping";
  const auto* client = std::get_if<ClientConfig>(&config_);
  if (client == nullptr) {
    const std::size_t n = last_rows_.size();
    return n == 0 ? "waiting for clients" : fmt::format("{} client{}", n, n == 1 ? "" : "s");
  }
  switch (state_) {
    case ClientState::idle:
      return "starting";
    case ClientState::connecting:
      return "connecting to " + client->host;
    case ClientState::reconnecting:
      return "reconnecting to " + client->host;
    case ClientState::blocked:
      return "blocked: " + client->host + " told us to stay away";
    case ClientState::up:
      break;
  }
  const bool known = !last_rows_.empty() && last_head_.report.state == ClientState::up;
  std::string out =
      "connected to " + (known ? last_rows_.front().endpoint.address.text() : client->host);
  if (known && last_rows_.front().rtt > Duration{}) {
    out += ", rtt " + in_ms(last_rows_.front().rtt);
  }
  return out;
}

}  // namespace vpnd::plan
