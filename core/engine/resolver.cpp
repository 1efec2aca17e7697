// SPDX-License-Identifier: ISC
#include "core/engine/resolver.h"

#include <algorithm>

namespace vpnd::engine {
namespace {

using namespace std::chrono_literals;

constexpr Duration kWithin = 10s;
constexpr Duration kFirstWait = 1s;  // then twice as long each time
constexpr unsigned kMostSent = 4;    // to one resolver
// Some resolvers say nothing at all when they are asked for IPv6 addresses.
constexpr Duration kOtherFamily = 300ms;
constexpr std::array<wire::DnsType, 2> kAskedFor{wire::DnsType::a, wire::DnsType::aaaa};

}  // namespace

Resolver::Resolver(wire::DnsName name, bool v6, const Entropy& entropy,
                   std::vector<Effect>& effects)
    : name_(name), v6_(v6), entropy_(entropy), effects_(effects) {}

void Resolver::begin(TimePoint now) {
  stop();
  ++round_;
  state_ = State::asking;
  asked_ = {};
  next_ = 0;
  done_ = {false, !v6_};
  no_such_name_ = false;
  found_.clear();
  until_ = now + kWithin;
  settle_by_ = kNever;
  ask_next(now);
}

void Resolver::stop() {
  if (state_ == State::asking) effects_.push_back(EndLookUp{});
  state_ = State::idle;
}

void Resolver::finish(State state) {
  stop();
  state_ = state;
}

void Resolver::ask_next(TimePoint now) {
  if (next_ == kMostResolvers) return;
  Asked& a = asked_[next_];
  a.stage = Asked::Stage::opening;
  a.again = now + kFirstWait;
  effects_.push_back(AskResolver{round_, next_++});
}

bool Resolver::opened(std::uint32_t round, std::uint32_t resolver, bool given, TimePoint now) {
  if (state_ != State::asking || round != round_ || resolver >= next_) return false;
  Asked& a = asked_[resolver];
  if (a.stage != Asked::Stage::opening) return false;
  a.stage = Asked::Stage::open;
  if (!given) {
    failed(resolver, now);
    return false;
  }
  for (auto& id : a.ids) {
    ByteArray<2> random{};
    entropy_(random);
    id = static_cast<std::uint16_t>(random[0] << 8 | random[1]);
  }
  send(resolver, now);
  return true;
}

void Resolver::send(std::uint32_t resolver, TimePoint now) {
  Asked& a = asked_[resolver];
  for (std::size_t t = 0; t < kTypes; ++t) {
    if (done_[t] || a.refused[t]) continue;
    effects_.push_back(SendQuery{resolver, wire::encode({name_, kAskedFor[t], a.ids[t]})});
  }
  ++a.sent;
  a.again = a.sent == kMostSent ? kNever : now + kFirstWait * (1 << (a.sent - 1));
}

void Resolver::answered(std::uint32_t resolver, Bytes message, TimePoint now) {
  if (state_ != State::asking || resolver >= next_) return;
  Asked& a = asked_[resolver];
  if (a.stage != Asked::Stage::open) return;
  for (std::size_t t = 0; t < kTypes; ++t) {
    if (done_[t]) continue;
    take(wire::read_answer(message, {name_, kAskedFor[t], a.ids[t]}), t, a);
  }
  if (!found_.empty() && settle_by_ == kNever) settle_by_ = now + kOtherFamily;
  bool useless = true;
  for (std::size_t t = 0; t < kTypes; ++t) useless = useless && (done_[t] || a.refused[t]);
  if (useless && !settled()) return failed(resolver, now);
  look(now);
}

void Resolver::take(const wire::Answer& answer, std::size_t type, Asked& a) {
  using Kind = wire::Answer::Kind;
  switch (answer.kind) {
    case Kind::foreign:
      return;
    case Kind::refused:
      a.refused[type] = true;
      return;
    case Kind::no_such_name:
      done_ = {true, true};  // it has no records of any type
      no_such_name_ = true;
      return;
    case Kind::no_address:
      done_[type] = true;
      no_such_name_ = true;
      return;
    case Kind::found:
      break;
  }
  done_[type] = true;
  const auto more = answer.found();
  const bool v4 = kAskedFor[type] == wire::DnsType::a;
  found_.insert(v4 ? found_.begin() : found_.end(), more.begin(), more.end());
  found_.resize(std::min(found_.size(), wire::kMostLookedUp));
}

void Resolver::failed(std::uint32_t resolver, TimePoint now) {
  if (state_ != State::asking || resolver >= next_) return;
  Asked& a = asked_[resolver];
  if (a.stage == Asked::Stage::failed) return;
  a.stage = Asked::Stage::failed;
  a.again = kNever;
  if (resolver + 1 == next_) ask_next(now);
  look(now);
}

bool Resolver::settled() const noexcept {
  return std::ranges::all_of(done_, [](bool d) { return d; });
}

void Resolver::look(TimePoint now) {
  if (state_ != State::asking) return;
  const auto lost = [](const Asked& a) { return a.stage == Asked::Stage::failed; };
  const bool over =
      settled() || now >= std::min(until_, settle_by_) || std::ranges::all_of(asked_, lost);
  if (!over) return;
  const bool none = no_such_name_ && settled();
  finish(!found_.empty() ? State::found : none ? State::no_such_name : State::failed);
}

void Resolver::wake(TimePoint now) {
  if (state_ != State::asking) return;
  for (std::uint32_t i = 0; i < next_; ++i) {
    Asked& a = asked_[i];
    if (now < a.again) continue;
    const bool newest = i + 1 == next_;
    a.again = kNever;
    if (a.stage == Asked::Stage::open) send(i, now);
    if (newest) {
      ask_next(now);
      break;
    }
  }
  look(now);
}

TimePoint Resolver::next_wake() const noexcept {
  if (state_ != State::asking) return kNever;
  TimePoint next = std::min(until_, settle_by_);
  for (const Asked& a : asked_) next = std::min(next, a.again);
  return next;
}

}  // namespace vpnd::engine
