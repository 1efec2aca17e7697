// SPDX-License-Identifier: ISC
#pragma once

// What the clients of a load do: transfers to and from the far end, and pings; and what they see.

#include <cstdint>
#include <optional>
#include <vector>

#include "tests/load/message.h"
#include "tests/load/packets.h"
#include "tests/load/swarm.h"

namespace vpnd::load {

enum class Direction : std::uint8_t { up, down };

class Traffic {
 public:
  Traffic(Swarm&, const Endpoint& far_end, std::size_t window);

  // From now on these transfer as fast as they can, and nobody else. What the others had begun
  // comes to its end.
  void transfer(const std::vector<std::size_t>& members, Direction);
  // Each of these is sent so many bytes a second, whatever it takes of them, for so long.
  void flood(const std::vector<std::size_t>& members, double bytes_a_second, Duration);
  // One of the first so many clients after the other; interval zero: nobody.
  void ping_every(Duration interval, std::size_t clients);
  // Turns of the swarm for so long, with what the transfers need of their clients.
  void run_for(Duration);

  // Payload of that client that has arrived, here or there, since it began.
  std::uint64_t arrived(std::size_t member) const {
    return states_[member].up.arrived + states_[member].down.arrived;
  }
  // Round trips since the last call of those who read.
  std::vector<Duration> take_pings();
  std::uint64_t pings_sent() const noexcept { return pings_sent_; }

 private:
  // One direction of one client; offsets and bytes of its payload.
  struct Stream {
    std::uint64_t arrived = 0;  // here, or at the far end
    std::uint64_t highest = 0;  // offset that has come, or that the far end has seen
    std::uint64_t limit = 0;    // up: sent so far; down: asked for
    TimePoint progress{};
  };
  struct State {
    Stream up, down;
    std::optional<Direction> moves;
  };
  void packet(Member&, Bytes);
  void keep_going(std::size_t member);
  void say(Member&, const Message&);
  void push(Member&, Stream&);
  void ask(Member&, Stream&);
  Flow flow(const Member&) const;
  void ping_due();

  Swarm& swarm_;
  Endpoint far_end_;
  std::uint64_t window_;
  std::vector<State> states_;
  std::vector<std::size_t> moving_;
  std::vector<Duration> pings_;
  std::uint64_t pings_sent_ = 0;
  Duration ping_interval_{};
  TimePoint next_ping_{};
  std::size_t pingers_ = 0, next_pinger_ = 0;
};

}  // namespace vpnd::load
