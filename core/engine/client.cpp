// SPDX-License-Identifier: ISC
#include "core/engine/client.h"

#include <algorithm>
#include <system_error>

#include "core/base/event.h"

namespace vpnd::engine {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMaxAttempts = 3;
constexpr Duration kTryInterval = 500ms;
constexpr Duration kSlowInterval = 1s;
constexpr Duration kSlowAfter = 60s;
constexpr Duration kAttemptLife = 10s;

// Zero: never.
Duration until(TimePoint at, TimePoint now) noexcept {
  return at == kNever ? Duration{} : std::max(at - now, Duration{});
}

}  // namespace

ClientEngine::ClientEngine(ClientSettings&& settings, const Room& room, Entropy entropy, Now now)
    : settings_(std::move(settings)),
      entropy_(std::move(entropy)),
      limits_(room.limits),
      carriers_(room, counters_, entropy_),
      started_(now.mono),
      was_up_(settings_.was_up) {
  attempts_.reserve(kMaxAttempts + 1);
  if (settings_.look_up) {
    resolver_.emplace(settings_.look_up->name, settings_.look_up->v6, entropy_, effects_);
  }
  if (!was_up_ && settings_.timeout > Duration::zero()) give_up_at_ = now.mono + settings_.timeout;
  down_since_ = now.mono;
  enter(was_up_ ? ClientState::reconnecting : ClientState::connecting, now);
  start_try(now);
}

void ClientEngine::enter(ClientState state, Now now) {
  if (state_ == state) return;
  state_ = state;
  state_since_ = now.mono;
  if (state != ClientState::up) effects_.push_back(Became{state, {}, {}});
  plan_look_up(now);
}

Duration ClientEngine::spread(Duration base, unsigned percent) {
  const std::uint32_t draw = uniform(entropy_, 2001);  // 0 .. 2000: -100 % .. +100 % of the spread
  return base + base / 100 * percent / 1000 * (static_cast<std::int64_t>(draw) - 1000);
}

void ClientEngine::schedule_try(Now now) {
  const bool slow = now.mono - down_since_ >= kSlowAfter;
  next_try_ = now.mono + (slow ? spread(kSlowInterval, 20) : kTryInterval);
}

// An attempt that was connected and sent its opening, and yet heard nothing when the next one
// starts: perhaps the server does not believe our clock.
void ClientEngine::count_silent_tries() noexcept {
  for (const auto index : attempts_) {
    Connection& c = carriers_.at(index);
    if (c.phase != Phase::opening || c.block_have != 0 || c.silence_counted) continue;
    c.silence_counted = true;
    ++silent_tries_;
  }
}

// The kernel's own retransmission of a SYN comes too late to be waited for; but one that is
// connected already may merely be far away.
void ClientEngine::make_room(Now now) {
  if (attempts_.size() < kMaxAttempts) return;
  const auto dialing = std::find_if(attempts_.begin(), attempts_.end(), [&](auto i) {
    return carriers_.at(i).phase == Phase::dialing;
  });
  Connection& victim = carriers_.at(dialing == attempts_.end() ? attempts_.front() : *dialing);
  hang_up(victim, now);
}

// Every second time where the last session was had: an answer with many addresses, which anybody
// may have forged, does not keep us from there.
std::size_t ClientEngine::next_endpoint() noexcept {
  const auto& all = settings_.endpoints;
  const std::size_t turn = turn_++;
  const auto good = last_good_ ? std::ranges::find(all, *last_good_) : all.end();
  if (good == all.end() || all.size() == 1) return turn % all.size();
  const auto at = static_cast<std::size_t>(good - all.begin());
  if (turn % 2 == 0) return at;
  return (at + 1 + turn / 2 % (all.size() - 1)) % all.size();
}

void ClientEngine::start_try(Now now) {
  if (settings_.endpoints.empty()) return;  // until the name is looked up
  count_silent_tries();
  make_room(now);
  const std::size_t n = next_endpoint();
  Connection& c = carriers_.open(settings_.endpoints[n], Phase::dialing, now.mono);
  carriers_.deadlines.set(c.id.index, now.mono + kAttemptLife);
  attempts_.push_back(c.id.index);
  effects_.push_back(Dial{c.id, static_cast<std::uint32_t>(n)});
  // Each is told once; what is tried again and again is of no interest.
  emit({.kind = EventKind::trying,
        .level = turn_ <= settings_.endpoints.size() ? Level::info : Level::debug,
        .text = fmt::format("trying {} ({} of {})", c.endpoint.text(), n + 1,
                            settings_.endpoints.size()),
        .endpoint = c.endpoint.text()});
  last_try_ = now.mono;
  if (trying()) schedule_try(now);
}

void ClientEngine::forget_attempt(std::uint32_t index) noexcept {
  std::erase(attempts_, index);
}

void ClientEngine::hang_up(Connection& c, Now now) {
  forget_attempt(c.id.index);
  if (current_ == c.id.index) current_.reset();
  effects_.push_back(Hangup{c.id});
  carriers_.retire(c, now.mono);
}

void ClientEngine::hang_up_attempts(Now now) {
  while (!attempts_.empty()) hang_up(carriers_.at(attempts_.back()), now);
}

void ClientEngine::closed(ConnId id, int errnum, Now now) {
  Connection* c = carriers_.find(id);
  if (c == nullptr) return;
  const bool was_attempt = c->phase == Phase::dialing || c->phase == Phase::opening;
  const bool failed_dial = c->phase == Phase::dialing;
  const bool was_current = current_ == id.index;
  forget_attempt(id.index);
  if (was_current) current_.reset();
  carriers_.release(*c);
  if (errnum != 0) last_errnum_ = errnum;
  if (was_current) return lost(errnum == 0 ? "closed by the server" : "connection failed", now);
  if (!was_attempt || !trying()) return;
  // Another address may work at once; all of them are asked before the pause.
  if (failed_dial && ++failed_in_a_row_ < settings_.endpoints.size()) next_try_ = now.mono;
}

// The session is over and its connection hung up or gone.
void ClientEngine::lost(std::string_view why, Now now) {
  emit({.kind = EventKind::lost, .text = fmt::format("session lost ({}), connecting again", why)});
  down_since_ = now.mono;
  turn_ = 0;
  enter(ClientState::reconnecting, now);
  next_try_ = std::max(now.mono, last_try_ + kTryInterval);
}

void ClientEngine::block(std::string_view why, Duration wait, Now now) {
  emit({.kind = EventKind::blocked,
        .level = Level::error,
        .text = fmt::format("{}; trying again in {} s", why,
                            std::chrono::duration_cast<std::chrono::seconds>(wait).count())});
  hang_up_attempts(now);
  enter(ClientState::blocked, now);
  next_try_ = now.mono + wait;
}

void ClientEngine::end(Exit code, std::string line, std::string remedy, Now now) {
  stop(now);
  ended_ = true;
  effects_.push_back(Ended{code, std::move(line), std::move(remedy)});
}

void ClientEngine::give_up(Now now) {
  if (settings_.endpoints.empty()) {
    return end(Exit::unavailable,
               fmt::format("the name {} does not resolve: no resolver knows it",
                           settings_.look_up->name.text()),
               {}, now);
  }
  const std::string host = settings_.endpoints.front().text();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(settings_.timeout).count();
  if (last_refusal_ == wire::Status::busy) {
    return end(Exit::protocol, "server is busy (max_clients reached)",
               "end the other client, or raise max_clients on the server", now);
  }
  if (last_refusal_ == wire::Status::no_address) {
    return end(Exit::protocol, "server has no address left to lease",
               "enlarge the server's address pool", now);
  }
  if (last_refusal_) return end(Exit::protocol, "server refused the session", {}, now);
  if (any_connected_) {
    return end(Exit::protocol,
               fmt::format("no session with {} within {} s: wrong key, or not a vpnd server", host,
                           seconds),
               "compare 'vpnd fingerprint KEY' on both sides; a DSVPN server cannot be used", now);
  }
  const std::string detail =
      last_errnum_ == 0 ? "no answer" : std::generic_category().message(last_errnum_);
  end(Exit::unavailable, fmt::format("cannot reach {} within {} s: {}", host, seconds, detail),
      "check the address, the port and the firewalls between", now);
}

TimePoint ClientEngine::next_wake() const noexcept {
  if (ended_ || state_ == ClientState::idle) return carriers_.deadlines.next();
  return std::min({carriers_.deadlines.next(), next_try_, give_up_at_, next_look_up()});
}

void ClientEngine::tick(Now now) {
  while (const auto index = carriers_.deadlines.pop_due(now.mono)) {
    Connection& c = carriers_.at(*index);
    if (c.phase == Phase::closing) {
      if (!c.flying()) carriers_.release(c);
    } else if (c.phase != Phase::up) {
      hang_up(c, now);
    } else if (c.channel->tick(now.mono) == wire::Channel::Health::dead) {
      hang_up(c, now);
      lost("no answer", now);
    } else {
      if (carriers_.note_rekeys(c)) {
        emit({.kind = EventKind::rekeyed,
              .level = Level::debug,
              .text = "rekeyed",
              .endpoint = c.endpoint.text()});
      }
      carriers_.deadlines.set(*index, std::max(c.channel->next_deadline(), now.mono + 1ms));
      carriers_.want_send(c);
    }
  }
}

void ClientEngine::wake(Now now) {
  tick(now);
  if (ended_ || state_ == ClientState::idle) return;
  if (now.mono >= give_up_at_) return give_up(now);
  look_up_due(now);
  if (ended_ || now.mono < next_try_) return;
  next_try_ = kNever;
  // Or two that refuse at once would be asked for ever without a pause.
  if (failed_in_a_row_ >= settings_.endpoints.size()) failed_in_a_row_ = 0;
  if (state_ == ClientState::blocked) {
    down_since_ = now.mono;
    enter(was_up_ ? ClientState::reconnecting : ClientState::connecting, now);
  }
  start_try(now);
}

void ClientEngine::stop(Now now) {
  hang_up_attempts(now);
  for (std::uint32_t i = 0; i < carriers_.count(); ++i) {
    Connection& c = carriers_.at(i);
    if (c.phase != Phase::up && c.phase != Phase::retiring) continue;
    c.channel->close(wire::CloseReason::shutdown);
    hang_up(c, now);
  }
  next_try_ = give_up_at_ = kNever;
  enter(ClientState::idle, now);
}

// The session may be dead without knowing it: try beside it, and let the newer one win. A client
// that was told to stay away stays away.
void ClientEngine::network_changed(Now now) {
  if (ended_ || state_ == ClientState::idle || state_ == ClientState::blocked) return;
  if (trying()) {
    next_try_ = now.mono;
    down_since_ = now.mono;
    look_up_again(now);
  } else if (attempts_.empty()) {
    start_try(now);
  }
}

Report ClientEngine::report(Now now) const {
  Report r;
  r.state = state_;
  r.in_state = now.mono - state_since_;
  r.counters = counters_;
  r.half_open = static_cast<std::uint32_t>(attempts_.size());
  if (!current_) return r;
  const Connection& c = carriers_.at(*current_);
  r.peers.push_back(c.report(now.mono));
  r.peers.back().next_rekey = until(c.channel->next_rekey(), now.mono);
  return r;
}

}  // namespace vpnd::engine
