// SPDX-License-Identifier: ISC
// A server that has moved is found by its name. The address it had last is tried at once and goes
// on being tried; nothing waits for a resolver that is known already.

#include <algorithm>

#include "core/base/event.h"
#include "core/engine/client.h"

namespace vpnd::engine {
namespace {

using namespace std::chrono_literals;

// Most sessions that are lost are back by then, without anybody having been asked.
constexpr Duration kBeforeLookUp = 1s;
// Between the end of one look-up and the next, twice as long each time.
constexpr Duration kFirstPause = 2s, kMostPause = 60s;
constexpr std::size_t kMostTried = 2 * wire::kMostLookedUp;

}  // namespace

// With each state: it is looked up only while the server is wanted and not had.
void ClientEngine::plan_look_up(Now now) {
  if (!resolver_) return;
  resolver_->stop();
  look_up_at_ = kNever;
  look_up_wait_ = kFirstPause;
  if (!trying()) return;
  look_up_at_ = now.mono + (settings_.endpoints.empty() ? 0s : kBeforeLookUp);
}

// The network is another one, and so may its resolvers be.
void ClientEngine::look_up_again(Now now) {
  if (!resolver_) return;
  resolver_->stop();
  look_up_at_ = now.mono;
  look_up_wait_ = kFirstPause;
}

TimePoint ClientEngine::next_look_up() const noexcept {
  return resolver_ ? std::min(look_up_at_, resolver_->next_wake()) : kNever;
}

void ClientEngine::look_up_due(Now now) {
  if (!resolver_ || !trying()) return;
  if (now.mono >= look_up_at_) {
    look_up_at_ = kNever;
    resolver_->begin(now.mono);
    emit({.kind = EventKind::resolving,
          .level = look_up_wait_ <= kFirstPause ? Level::info : Level::debug,
          .text = "resolving " + settings_.look_up->name.text()});
  }
  resolver_->wake(now.mono);
  looked_up(now);
}

bool ClientEngine::resolver_opened(std::uint32_t round, std::uint32_t number, bool given, Now now) {
  if (!resolver_) return false;
  const bool wanted = resolver_->opened(round, number, given, now.mono);
  looked_up(now);
  return wanted && resolver_->state() == Resolver::State::asking;
}

void ClientEngine::resolver_answered(std::uint32_t number, Bytes message, Now now) {
  if (!resolver_) return;
  resolver_->answered(number, message, now.mono);
  looked_up(now);
}

void ClientEngine::resolver_failed(std::uint32_t number, Now now) {
  if (!resolver_) return;
  resolver_->failed(number, now.mono);
  looked_up(now);
}

void ClientEngine::looked_up(Now now) {
  using State = Resolver::State;
  const State state = resolver_->state();
  if (ended_ || state == State::idle || state == State::asking) return;
  resolver_->stop();
  look_up_at_ = now.mono + look_up_wait_;
  look_up_wait_ = std::min<Duration>(2 * look_up_wait_, kMostPause);
  const std::string name = settings_.look_up->name.text();
  if (state == State::found) return use(resolver_->found(), now);
  if (state == State::failed) return log(Level::info, "no resolver answers for {}", name);
  log(Level::info, "the name {} does not resolve", name);
  if (settings_.endpoints.empty() && give_up_at_ != kNever) {
    end(Exit::unavailable, fmt::format("the name {} does not resolve: there is no such name", name),
        {}, now);
  }
}

// Those found, behind what is known to have worked; before the first session nothing is, and what
// was told at the start stays as well.
void ClientEngine::use(std::span<const Address> found, Now now) {
  const std::uint16_t port = settings_.look_up->port;
  std::vector<Endpoint> next;
  const auto add = [&next](const Endpoint& e) {
    if (next.size() < kMostTried && std::ranges::find(next, e) == next.end()) next.push_back(e);
  };
  if (last_good_) add(*last_good_);
  for (const Address& a : found) add({a, port});
  if (!last_good_) std::ranges::for_each(settings_.endpoints, add);
  const auto known = [this](const Endpoint& e) {
    return std::ranges::find(settings_.endpoints, e) != settings_.endpoints.end();
  };
  const auto fresh = std::ranges::find_if_not(next, known);
  if (fresh == next.end()) return;
  log(Level::notice, "{} is at {} now", settings_.look_up->name.text(), fresh->address.text());
  UseAddresses all;
  for (const Endpoint& e : next) all.addresses.push_back(e.address);
  effects_.push_back(std::move(all));
  // The new one first: of the old ones some try is under way.
  turn_ = last_good_ ? 1 : static_cast<std::size_t>(fresh - next.begin());
  settings_.endpoints = std::move(next);
  next_try_ = std::min(next_try_, now.mono);
}

}  // namespace vpnd::engine
