// SPDX-License-Identifier: ISC
#include "tests/load/traffic.h"

#include <algorithm>
#include <utility>

namespace vpnd::load {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t kOwnPort = 4000;
// Without progress for so long, what was under way is lost.
constexpr Duration kLost = 200ms;

}  // namespace

Traffic::Traffic(Swarm& swarm, const Endpoint& far_end, std::size_t window)
    : swarm_(swarm), far_end_(far_end), window_(window), states_(swarm.members().size()) {
  swarm_.on_packet = [this](Member& m, Bytes p) { packet(m, p); };
}

Flow Traffic::flow(const Member& m) const {
  return {m.inner, far_end_.address, kOwnPort, far_end_.port};
}

void Traffic::say(Member& m, const Message& message) {
  swarm_.send(m, [&](MutBytes room, wire::VnetHeader& vnet) {
    write_message(message, room.data() + kHeaders);
    return write_udp(flow(m), kHead, room, vnet);
  });
}

void Traffic::transfer(const std::vector<std::size_t>& members, Direction direction) {
  for (State& s : states_) s.moves.reset();
  moving_ = members;
  for (const std::size_t i : members) {
    states_[i].moves = direction;
    (direction == Direction::up ? states_[i].up : states_[i].down).progress = swarm_.now().mono;
  }
}

void Traffic::flood(const std::vector<std::size_t>& members, double bytes_a_second, Duration time) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  for (const std::size_t i : members) {
    say(*swarm_.members()[i],
        {Type::flood, static_cast<std::uint64_t>(bytes_a_second), static_cast<std::uint64_t>(ms)});
  }
}

void Traffic::ping_every(Duration interval, std::size_t clients) {
  ping_interval_ = interval;
  pingers_ = clients;
  next_ping_ = swarm_.now().mono;
}

std::vector<Duration> Traffic::take_pings() {
  return std::exchange(pings_, {});
}

// ---- what comes

void Traffic::packet(Member& m, Bytes whole) {
  const auto got = read_packet(whole);
  if (!got) return;
  const Now now = swarm_.now();
  if (got->stamp) {
    pings_.push_back(now.mono.time_since_epoch() -
                     Duration(static_cast<std::int64_t>(*got->stamp)));
    return;
  }
  const auto message = read_message(got->datagram);
  if (!message) return;
  State& s = states_[m.number];
  if (message->type == Type::data) {
    s.down.arrived += got->datagram.size();
    s.down.highest = std::max(s.down.highest, message->value + got->datagram.size());
    s.down.progress = now.mono;
    if (s.moves == Direction::down) ask(m, s.down);
  } else if (message->type == Type::ack) {
    s.up.arrived = std::max(s.up.arrived, message->extra);
    s.up.highest = std::max(s.up.highest, message->value);
    s.up.progress = now.mono;
    if (s.moves == Direction::up) push(m, s.up);
  }
}

// ---- what goes

// Asked for again when a quarter of the window is used up, so that few datagrams do nothing else.
void Traffic::ask(Member& m, Stream& s) {
  const std::uint64_t limit = s.highest + window_;
  if (limit < s.limit + window_ / 4) return;
  s.limit = limit;
  say(m, {Type::credit, s.limit, 0});
}

void Traffic::push(Member& m, Stream& s) {
  while (s.limit + kLargest <= s.highest + window_) {
    const bool sent = swarm_.send(m, [&](MutBytes room, wire::VnetHeader& vnet) {
      write_data(s.limit, room.subspan(kHeaders, kLargest));
      return write_udp(flow(m), kLargest, room, vnet);
    });
    if (!sent) return;  // tried again with what comes, or by and by
    s.limit += kLargest;
  }
}

void Traffic::keep_going(std::size_t member) {
  Member& m = *swarm_.members()[member];
  State& s = states_[member];
  const TimePoint now = swarm_.now().mono;
  Stream& stream = s.moves == Direction::up ? s.up : s.down;
  if (now - stream.progress > kLost) {
    stream.progress = now;
    stream.highest = stream.limit;
  }
  if (s.moves == Direction::up) {
    push(m, stream);
  } else {
    ask(m, stream);
  }
}

void Traffic::ping_due() {
  const TimePoint now = swarm_.now().mono;
  while (ping_interval_ > Duration::zero() && next_ping_ <= now) {
    next_ping_ += ping_interval_;
    Member& m = *swarm_.members()[next_pinger_++ % pingers_];
    if (!m.up() || !m.reads) continue;
    ++pings_sent_;
    swarm_.send(m, [&](MutBytes room, wire::VnetHeader&) {
      const auto stamp = static_cast<std::uint64_t>(now.time_since_epoch().count());
      return write_ping(flow(m), stamp, room);
    });
  }
}

void Traffic::run_for(Duration time) {
  const TimePoint end = swarm_.now().mono + time;
  while (swarm_.now().mono < end) {
    for (const std::size_t i : moving_) keep_going(i);
    ping_due();
    swarm_.turn(1ms);
  }
}

}  // namespace vpnd::load
