// SPDX-License-Identifier: ISC
#pragma once

// Many clients in one process: an engine each, over TCP connections from a few addresses, and no
// device. What a TUN would say, the caller says; what would go into one, the caller gets.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/engine/engine.h"
#include "linux/fd.h"

namespace vpnd::load {

// A key file of mode S, as the program has it. What makes two clients of it are their instance ids.
class Key {
 public:
  explicit Key(const std::string& path);  // throws Error
  wire::ClientIdentity identity() const;

 private:
  std::string path_, text_;
};

struct Connection;

struct Member {
  Member(std::size_t n, const Address& from, engine::Engine&& e, TimePoint now);
  ~Member();

  std::size_t number;
  Address source;  // where its connections come from
  engine::Engine engine;
  TimePoint started, up_at = kNever;
  std::vector<std::unique_ptr<Connection>> connections;
  engine::ClientState state = engine::ClientState::idle;
  Address inner;
  bool reads = true;  // false: what the server sends stays in the socket
  unsigned times_up = 0, dials = 0;

  bool up() const noexcept { return state == engine::ClientState::up; }
};

class Swarm {
 public:
  Swarm(const Endpoint& server, const Key&);
  ~Swarm();

  // One more client, which begins to connect at once. It lives as long as the swarm.
  Member& add(const Address& source);
  const std::vector<std::unique_ptr<Member>>& members() const noexcept { return members_; }
  std::size_t up() const noexcept;
  void set_reading(Member&, bool);

  // A packet that `write` makes in the room it is given. False: it was dropped, or there is no
  // room.
  bool send(Member&, const std::function<std::size_t(MutBytes, wire::VnetHeader&)>& write);
  // Sends what waits; waits for events, at most so long; handles them.
  void turn(Duration at_most);
  Now now() const noexcept { return now_; }

  // What came out of a client's tunnel, and whose it is.
  std::function<void(Member&, Bytes)> on_packet = [](Member&, Bytes) {};

 private:
  void dial(Member&, const engine::Dial&);
  void effects(Member&);
  void pump(Member&);
  void flush(Connection&);
  void read(Connection&);
  std::size_t feed(Connection&, MutBytes stream);
  void deliver(Member&);
  void deliver_gathered(Member&, const engine::TunPacket&);
  void happened(Connection&, std::uint32_t events);
  void fail(Connection&, int errnum);
  void watch(Connection&);
  void drop(Connection&);
  void wake_due();

  Endpoint server_;
  const Key& key_;
  Fd epoll_;
  Now now_;
  TimePoint wake_at_{};
  std::vector<std::unique_ptr<Member>> members_;
  std::vector<Member*> said_;     // send() was called for them
  std::vector<Member*> dropped_;  // they have connections that are over
  engine::TunBatch batch_;
  std::vector<std::uint8_t> buffer_, gathered_, scratch_;
};

}  // namespace vpnd::load
