// SPDX-License-Identifier: ISC
#include "core/engine/engine.h"

#include <algorithm>
#include <iterator>
#include <type_traits>
#include <utility>

#include "core/engine/client.h"
#include "core/engine/server.h"
#include "core/engine/worker.h"

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

void add(Report& whole, Report&& part) {
  whole.counters.add(part.counters);
  std::ranges::move(part.peers, std::back_inserter(whole.peers));
}

// Whichever it is; those of a server have more in common than both with a client.
template<class F>
decltype(auto) Engine::with(F&& act) const {
  if (client_) return act(*client_);
  return server_ ? act(*server_) : act(*worker_);
}

namespace {

template<class E>
constexpr bool kServes = !std::is_same_v<E, ClientEngine>;

// What both sides keep: connections, counters, effects.
template<class E>
auto& core_of(E& e) noexcept {
  if constexpr (kServes<E>) {
    return e.sessions();
  } else {
    return e;
  }
}

}  // namespace

Engine::Engine(ClientSettings settings, const Room& room, Entropy entropy, Now now)
    : client_(std::make_unique<ClientEngine>(std::move(settings), room, std::move(entropy), now)) {}
Engine::Engine(ServerSettings settings, const Room& room, Entropy entropy, Now now,
               const Workers& workers)
    : server_(std::make_unique<ServerEngine>(std::move(settings), workers, room, std::move(entropy),
                                             now)) {}
Engine::Engine(const SessionSettings& settings, const Room& room, const Entropy& entropy,
               const Workers& workers)
    : worker_(std::make_unique<WorkerEngine>(settings, workers, room, entropy)) {}
Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;

std::optional<ConnId> Engine::accepted(const Endpoint& from, Now now) {
  return server_ ? server_->accepted(from, now) : std::nullopt;
}

void Engine::connected(ConnId id, Now now) {
  if (client_) client_->connected(id, now);
}

void Engine::closed(ConnId id, int errnum, Now now) {
  with([&](auto& e) { e.closed(id, errnum, now); });
}

std::size_t Engine::received(ConnId id, MutBytes stream, TunBatch& tun, Now now) {
  return with([&](auto& e) { return e.received(id, stream, tun, now); });
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
  if (client_) return client_->carriers().slot();
  return server_ ? server_->sessions().slot() : worker_->sessions().slot();
}

Drop Engine::from_tun(wire::Slot& slot, const wire::VnetHeader& vnet, std::size_t size,
                      Now now) noexcept {
  return with([&](auto& e) { return core_of(e).from_tun(slot, vnet, size, now); });
}

std::optional<Moved> Engine::take(ConnId id) {
  return server_ ? server_->take(id) : std::nullopt;
}

ConnId Engine::adopt(Moved&& moved, Now now) {
  return worker_ ? worker_->adopt(std::move(moved), now) : ConnId{};
}

std::vector<Post> Engine::take_post() {
  if (client_) return {};
  return std::exchange(server_ ? server_->post() : worker_->post(), {});
}

void Engine::deliver(const Mail& mail, Now now) {
  if (server_) server_->deliver(mail, now);
  if (worker_) worker_->deliver(mail, now);
}

std::uint32_t Engine::handed_to() noexcept {
  if (client_) return 0;
  return (server_ ? server_->sessions() : worker_->sessions()).handed_to();
}

void Engine::take_handed(Now now) noexcept {
  if (!client_) (server_ ? server_->sessions() : worker_->sessions()).take_handed(now);
}

std::optional<ConnId> Engine::next_ready() noexcept {
  return with([](auto& e) { return core_of(e).carriers().next_ready(); });
}

std::size_t Engine::gather(ConnId id, std::span<Bytes> out, Now now) noexcept {
  return with([&](auto& e) { return core_of(e).carriers().gather(id, out, now.mono); });
}

void Engine::sent(ConnId id, std::size_t bytes, Now now) noexcept {
  with([&](auto& e) { core_of(e).carriers().sent(id, bytes, now.mono); });
}

void Engine::path(ConnId id, const Path& path) noexcept {
  with([&](auto& e) { core_of(e).carriers().path(id, path); });
}

TimePoint Engine::next_wake() const noexcept {
  return with([](const auto& e) { return e.next_wake(); });
}

void Engine::wake(Now now) {
  with([&](auto& e) { e.wake(now); });
}

std::vector<Effect> Engine::take_effects() {
  return with([](auto& e) { return std::exchange(core_of(e).effects(), {}); });
}

void Engine::stop(Now now) {
  with([&](auto& e) { e.stop(now); });
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
  return with([&](const auto& e) { return e.report(now); });
}

const Counters& Engine::counters() const noexcept {
  return with([](auto& e) -> const Counters& { return core_of(e).counters(); });
}

void Engine::count(Drop d) noexcept {
  with([&](auto& e) { core_of(e).counters().drop(d); });
}

}  // namespace vpnd::engine
