// SPDX-License-Identifier: ISC
#include "core/engine/engine.h"

#include <utility>

#include "core/engine/client.h"
#include "core/engine/server.h"

namespace vpnd::engine {

std::string_view name(ClientState state) noexcept {
  switch (state) {
    case ClientState::idle:
      return "idle";
    case ClientState::connecting:
      return "connecting";
    case ClientState::up:
      return "up";
    case ClientState::reconnecting:
      return "reconnecting";
    case ClientState::blocked:
      return "blocked";
  }
  return "unknown";
}

Engine::Engine(ClientSettings settings, const Room& room, Entropy entropy, Now now)
    : client_(std::make_unique<ClientEngine>(std::move(settings), room, std::move(entropy), now)) {}
Engine::Engine(ServerSettings settings, const Room& room, Entropy entropy, Now now)
    : server_(std::make_unique<ServerEngine>(std::move(settings), room, std::move(entropy), now)) {}
Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;

std::optional<ConnId> Engine::accepted(const Endpoint& from, Now now) {
  return server_ ? server_->accepted(from, now) : std::nullopt;
}

void Engine::connected(ConnId id, Now now) {
  if (client_) client_->connected(id, now);
}

void Engine::closed(ConnId id, int errnum, Now now) {
  client_ ? client_->closed(id, errnum, now) : server_->closed(id, errnum, now);
}

std::size_t Engine::received(ConnId id, MutBytes stream, TunBatch& tun, Now now) {
  return client_ ? client_->received(id, stream, tun, now)
                 : server_->received(id, stream, tun, now);
}

bool Engine::resolver_opened(std::uint32_t round, std::uint32_t resolver, bool given, Now now) {
  return client_ && client_->resolver_opened(round, resolver, given, now);
}

void Engine::resolver_answered(std::uint32_t resolver, Bytes message, Now now) {
  if (client_) client_->resolver_answered(resolver, message, now);
}

void Engine::resolver_failed(std::uint32_t resolver, Now now) {
  if (client_) client_->resolver_failed(resolver, now);
}

wire::Slot Engine::slot() noexcept {
  return (client_ ? client_->carriers() : server_->carriers()).slot();
}

Drop Engine::from_tun(wire::Slot& slot, const wire::VnetHeader& vnet, std::size_t size,
                      Now now) noexcept {
  return client_ ? client_->from_tun(slot, vnet, size, now)
                 : server_->from_tun(slot, vnet, size, now);
}

std::optional<ConnId> Engine::next_ready() noexcept {
  return (client_ ? client_->carriers() : server_->carriers()).next_ready();
}

std::size_t Engine::gather(ConnId id, std::span<Bytes> out, Now now) noexcept {
  return (client_ ? client_->carriers() : server_->carriers()).gather(id, out, now.mono);
}

void Engine::sent(ConnId id, std::size_t bytes, Now now) noexcept {
  (client_ ? client_->carriers() : server_->carriers()).sent(id, bytes, now.mono);
}

void Engine::path(ConnId id, const Path& path) noexcept {
  (client_ ? client_->carriers() : server_->carriers()).path(id, path);
}

TimePoint Engine::next_wake() const noexcept {
  return client_ ? client_->next_wake() : server_->next_wake();
}

void Engine::wake(Now now) {
  client_ ? client_->wake(now) : server_->wake(now);
}

std::vector<Effect> Engine::take_effects() {
  return std::exchange(client_ ? client_->effects() : server_->effects(), {});
}

void Engine::stop(Now now) {
  client_ ? client_->stop(now) : server_->stop(now);
}

void Engine::network_changed(Now now) {
  if (client_) client_->network_changed(now);
}

void Engine::replace_peers(std::vector<wire::PeerEntry>&& peers, Now now) {
  if (server_) server_->replace_peers(std::move(peers), now);
}

void Engine::change(const ServerChanges& changes) {
  if (server_) server_->change(changes);
}

Report Engine::report(Now now) const {
  return client_ ? client_->report(now) : server_->report(now);
}

const Counters& Engine::counters() const noexcept {
  return client_ ? std::as_const(*client_).counters() : std::as_const(*server_).counters();
}

void Engine::count(Drop d) noexcept {
  (client_ ? client_->counters() : server_->counters()).drop(d);
}

}  // namespace vpnd::engine
