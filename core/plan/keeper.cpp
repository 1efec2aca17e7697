// SPDX-License-Identifier: ISC
#include "core/plan/keeper.h"

#include <algorithm>
#include <cerrno>

#include "core/plan/lease_policy.h"

namespace vpnd::plan {
namespace {

using namespace std::chrono_literals;
using engine::ClientState;

constexpr Duration kFirstBackoff = 200ms, kMostBackoff = 5s, kLongLife = 10s;
constexpr unsigned kMostDeathsUnready = 5;

Actions finish(const Error& e) {
  return {action::Finish{e.code(), e.what(), e.remedy()}};
}

}  // namespace

Actions Keeper::violation(std::string why) {
  return {action::KillEngine{std::move(why)}};
}

bool Keeper::Budget::take(TimePoint now) noexcept {
  const std::chrono::duration<double> passed = now - std::exchange(at, now);
  left = std::min(most, left + std::max(0.0, passed.count()) * per_second);
  if (left < 1) return false;
  left -= 1;
  return true;
}

Keeper::Keeper(host::Machine& machine, Config config, std::vector<Endpoint> endpoints)
    : machine_(machine), config_(std::move(config)), endpoints_(std::move(endpoints)) {}

const Common& Keeper::common() const noexcept {
  return common_of(config_);
}

std::uint32_t Keeper::queues() const noexcept {
  const auto* server = std::get_if<ServerConfig>(&config_);
  return server == nullptr || server->queues == 0 ? 1 : server->queues;
}

void Keeper::prepare() {
  tunnel_.emplace(common().interface, std::exchange(kept_tunnel_, -1), queues());
  const auto* server = std::get_if<ServerConfig>(&config_);
  try {
    Plan plan = server != nullptr ? plan_server(*server) : client_plan(posture(), lease_);
    applied_ = machine_.apply(plan);
    plan_ = std::move(plan);
    tell_applied();
    ways_ = ways();
  } catch (...) {
    tunnel_->remove();
    tunnel_.reset();
    throw;
  }
}

void Keeper::engine_started(TimePoint now) {
  engine_ = EngineState::starting;
  started_ = now;
  state_ = ClientState::idle;
  head_ = {};
  rows_.clear();
}

Actions Keeper::from_engine(const ToKeeper& message, TimePoint now) {
  const bool any_time = std::holds_alternative<to_keeper::Ready>(message) ||
                        std::holds_alternative<to_keeper::Happened>(message) ||
                        std::holds_alternative<to_keeper::LogLine>(message) ||
                        std::holds_alternative<engine::Ended>(message);
  if (engine_ == EngineState::none || (engine_ == EngineState::starting && !any_time)) {
    return violation("it spoke before it was ready");
  }
  try {
    return std::visit([&](const auto& m) { return on(m, now); }, message);
  } catch (const Error& e) {
    return finish(e);
  }
}

Actions Keeper::on(const to_keeper::Ready& m, TimePoint) {
  if (engine_ == EngineState::ready) return violation("it was ready twice");
  engine_ = EngineState::ready;
  ready_ = m;
  deaths_unready_ = 0;
  if (stopping_) return {action::SendStop{}};
  Actions out{action::SendTun{}};
  if (is_server()) {
    out.push_back(action::SendListeners{});
    if (!was_ready_) log(Level::notice, "ready");
  }
  was_ready_ = true;
  return out;
}

Actions Keeper::on(const engine::Dial& m, TimePoint now) {
  if (is_server()) return violation("a server's engine wanted to connect");
  if (m.endpoint >= endpoints_.size()) return violation("it wanted to connect to no endpoint");
  if (!dials_.take(now)) return {action::Refuse{m.conn, EAGAIN}};
  if (endpoints_[m.endpoint].port == 0) return {action::Refuse{m.conn, EADDRNOTAVAIL}};
  return {action::Dial{m.conn, endpoints_[m.endpoint]}};
}

Actions Keeper::on(const to_keeper::Became& m, TimePoint now) {
  if (is_server()) return violation("a server's engine has no client state");
  if (stopping_) return {};
  const bool handshaken = std::exchange(handshaken_, false);
  const bool another = handshaken || state_ != m.state;
  state_ = m.state;
  asked_.clear();
  Actions out;
  // A lease needs a device to hang on.
  if (!tunnel_ || !tunnel_->alive()) out = look(now, {});
  if (m.state == ClientState::up) {
    std::ranges::move(up(m.lease, another), std::back_inserter(out));
  } else if (m.state != ClientState::idle) {
    settle(posture(), lease_);
  }
  return out;
}

Plan Keeper::client_plan(Posture posture, const std::optional<wire::Lease>& lease) const {
  std::vector<Endpoint> reached;
  std::ranges::copy_if(endpoints_, std::back_inserter(reached),
                       [](const Endpoint& e) { return e.port != 0; });
  return plan_client(std::get<ClientConfig>(config_), reached, lease ? &*lease : nullptr, posture,
                     asked_);
}

// A way to a resolver that opens and closes is not worth a line.
void Keeper::tell_applied() {
  const unsigned changes = machine_.changes();
  if (std::exchange(changes_told_, changes) == changes) return;
  emit({.kind = EventKind::applied,
        .level = Level::info,
        .text = fmt::format("changes of this host in place: {}", changes)});
}

void Keeper::settle(Posture posture, const std::optional<wire::Lease>& lease) {
  go_over(client_plan(posture, lease));
}

void Keeper::go_over(Plan next) {
  if (next == plan_) return;
  machine_.replace(applied_, plan_, next);
  plan_ = std::move(next);
  tell_applied();
}

Actions Keeper::up(const wire::Lease& lease, bool another) {
  const auto& config = std::get<ClientConfig>(config_);
  leave_out_inner(lease);
  if (const auto why = refusal(config, endpoints_, lease)) {
    return {action::Finish{Exit::protocol, "the server's lease is refused: " + *why, {}}};
  }
  const bool again = was_up_;
  settle(Posture::up, lease);
  if (!lease_) ways_ = ways();  // what was applied may lead another way than there was before
  lease_ = lease;
  was_up_ = true;
  if (!another) return {};
  emit({.kind = EventKind::connected,
        .text = fmt::format("{}connected, {} {} mtu {}", again ? "re" : "", config.interface,
                            lease.client_v4.address.text(), std::min(config.mtu, lease.mtu)),
        .endpoint = endpoint_});
  return {};
}

Actions Keeper::on(const engine::KeepCookie& m, TimePoint) {
  if (is_server()) return violation("a server's engine has no cookie");
  cookie_ = m.cookie;
  return {};
}

Actions Keeper::on(const to_keeper::LogLine& m, TimePoint now) {
  if (may_tell(now)) log_line(m.level, m.text);
  return {};
}

bool Keeper::may_tell(TimePoint now) {
  if (!lines_.take(now)) {
    ++lines_lost_;
    return false;
  }
  if (const auto lost = std::exchange(lines_lost_, 0); lost > 0) {
    log(Level::warning, "{} lines of the engine were left out", lost);
  }
  return true;
}

// What is done to the host is not the engine's to tell; nor is a client's "connected", which holds
// only once the host is changed.
Actions Keeper::on(const to_keeper::Happened& m, TimePoint now) {
  const EventKind kind = m.event.kind;
  if (kind == EventKind::applied || kind == EventKind::reverted ||
      (kind == EventKind::connected && !is_server())) {
    return violation("it told of what is not its own");
  }
  // On a large server there are many of the least, and they must not drown the others.
  if (m.event.level == Level::debug ? !noise_.take(now) : !may_tell(now)) return {};
  if (kind == EventKind::handshake) {
    handshaken_ = true;
    endpoint_ = m.event.endpoint;
  }
  emit(m.event);
  return {};
}

Actions Keeper::on(const to_keeper::ReportHead& m, TimePoint) {
  head_ = m;
  rows_.clear();
  if (head_.rows == 0) report_complete();
  return {};
}

Actions Keeper::on(const to_keeper::ReportRows& m, TimePoint) {
  if (m.rows.empty() || rows_.size() + m.rows.size() > head_.rows) {
    return violation("its report has more rows than it announced");
  }
  rows_.insert(rows_.end(), m.rows.begin(), m.rows.end());
  if (rows_.size() == head_.rows) report_complete();
  return {};
}

void Keeper::report_complete() {
  last_head_ = head_;
  last_rows_ = std::exchange(rows_, {});
  head_.rows = 0;
  ++reports_;
}

Actions Keeper::on(const engine::Ended& m, TimePoint) {
  return {action::Finish{stopping_ ? Exit::ok : m.code, m.line, m.remedy}};
}

Actions Keeper::on(const to_keeper::Stopped&, TimePoint) {
  if (!stopping_) return violation("it stopped without being told to");
  return {action::Finish{}};
}

Actions Keeper::engine_lost(TimePoint now) {
  const bool unready = engine_ == EngineState::starting;
  engine_ = EngineState::none;
  // The next one counts from the start; nobody counts on places that are empty any more.
  std::erase_if(endpoints_,
                [this](const Endpoint& e) { return endpoints_looked_up_ && e.port == 0; });
  if (stopping_) return {action::Finish{}};
  if (unready && ++deaths_unready_ >= kMostDeathsUnready) {
    return {
        action::Finish{Exit::software, "the engine ended again and again before it was ready", {}}};
  }
  if (now - started_ >= kLongLife) backoff_ = {};
  const Duration wait = backoff_;
  backoff_ = std::clamp<Duration>(2 * backoff_, kFirstBackoff, kMostBackoff);
  emit({.kind = EventKind::lost,
        .level = Level::error,
        .text = "the engine ended unexpectedly; starting another"});
  return {action::StartEngine{now + wait}};
}

Actions Keeper::stop(TimePoint) {
  const bool again = std::exchange(stopping_, true);
  if (again || engine_ == EngineState::none) return {action::Finish{}};
  if (engine_ == EngineState::starting) return {};  // it is told when it is ready
  return {action::SendStop{}};
}

// From a wall with a way through to one without: nothing leaves in between.
void Keeper::leave_the_wall() noexcept {
  const auto* client = std::get_if<ClientConfig>(&config_);
  if (leave_nothing_ || client == nullptr || client->kill_switch != KillSwitch::always ||
      plan_.steps.empty())
    return;
  try {
    settle(Posture::stopped, lease_);
    log(Level::notice, "the kill switch stays on: \"vpnd cleanup {}\" takes it away",
        client->interface);
  } catch (const std::exception& e) {
    log(Level::error, "{}: the kill switch could not be left on", e.what());
  }
}

void Keeper::revert() noexcept {
  leave_the_wall();
  applied_.revert();
  // Somebody else may hold it yet: an engine's ring, or a service manager.
  if (tunnel_) tunnel_->remove();
  tunnel_.reset();
  plan_ = {};
  lease_.reset();
}

}  // namespace vpnd::plan
