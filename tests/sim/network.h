// SPDX-License-Identifier: ISC
#pragma once

// A network of engines under a virtual clock: one server, clients, and strangers who speak raw
// bytes. Connections are byte pipes with delay, a bounded window and splits at any byte; they can
// be stalled, reset, or read from slowly. It is deterministic for a seed.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "core/engine/engine.h"
#include "core/engine/hand_over.h"

namespace vpnd::sim {

using engine::ConnId;
using Raw = std::vector<std::uint8_t>;

struct Host;

// One direction of a connection, seen from its receiver.
struct Pipe {
  struct Chunk {
    TimePoint at;
    Raw bytes;
  };
  std::deque<Chunk> flying;
  std::size_t outstanding = 0;  // bytes flying: what a window bounds
  Raw unread;
  bool fin_sent = false, fin_seen = false;
};

struct Link {
  Host* client = nullptr;  // nullptr: a stranger
  Host* server = nullptr;  // the worker that has it
  ConnId client_id, server_id;
  bool accepted = false, dead = false;
  unsigned events = 0;  // to come, that name it
  bool client_hung_up = false, server_hung_up = false;
  bool client_blocked = false, server_blocked = false;  // more to send than the window takes
  bool client_stopped = false;                          // the client does not read
  Pipe to_server, to_client;
  Raw opening;                         // the first bytes the client sent
  Raw heard;                           // by a stranger
  std::optional<TimePoint> closed_at;  // the server's FIN, as a stranger sees it
  Endpoint from;
};

struct Host {
  std::string name;
  bool server = false;
  Endpoint endpoint;  // of a client: where it calls from
  std::unique_ptr<engine::Engine> engine;
  engine::ClientState state = engine::ClientState::idle;
  std::vector<engine::ClientState> states;
  wire::Lease lease;
  wire::CookieBytes cookie{};
  std::optional<engine::Ended> ended;
  std::vector<Raw> tun;  // packets delivered to its TUN
  TimePoint asked_{};    // wake that was due and done
};

class Network {
 public:
  explicit Network(unsigned seed);

  Host& start_server(engine::ServerSettings, const engine::Room& = {}, std::uint32_t workers = 1);
  Host& add_client(engine::ClientSettings, const Endpoint& from, const engine::Room& = {});
  void kill(Host&);  // no goodbye: all its connections are reset, its engine is gone
  void restart_server(engine::ServerSettings, const engine::Room& = {});

  // A stranger connects from there; the link stays valid for the network's life.
  Link& stranger(const Endpoint& from);
  void say(Link&, Bytes);

  Drop send(Host&, Bytes packet, const wire::VnetHeader& = {});
  void run_for(Duration);
  bool run_until(const std::function<bool()>&, Duration limit);
  void pump();

  Now now() const noexcept { return now_; }
  Host& server() noexcept { return *server_; }
  Host& worker(std::uint32_t i) noexcept { return *workers_.at(i); }  // the first is the server
  engine::Report server_report() const;                               // of all workers
  Link* live_link(const Host& client);                                // its newest that is accepted
  void reset_links();                                                 // RST to everybody
  std::mt19937& random() noexcept { return random_; }
  Entropy entropy();

  Duration delay = std::chrono::milliseconds(10);
  std::size_t window = 128 * 1024;
  bool stalled = false;              // nothing moves, and nothing says so
  bool refusing = false;             // dials are refused
  std::int64_t client_clock_ms = 0;  // how wrong the clients' clocks are
  bool record_tun = true;
  std::vector<Raw> recorded;  // openings of clients whose connections are over

 private:
  void at(TimePoint, std::function<void()>);
  void effects(Host&);
  void dial(Host&, const engine::Dial&);
  void add_workers(const engine::SessionSettings&, const engine::Room&, std::uint32_t count);
  engine::Workers as_seen_by(std::uint32_t worker);
  void move(Host&, const engine::Move&);
  bool mail();  // false: there was none
  void drain_ready(Host&);
  void flush(Host&, Link&);
  void arrive(Link&, bool to_server);
  void arrivals();
  void read(Host&, ConnId, Pipe&);
  void reset(Link&);
  Link* find(const Host&, ConnId);
  Now clock_of(const Host&) const noexcept;
  void wake_due();
  TimePoint next_event();

  std::mt19937 random_;
  Now now_;
  std::vector<std::vector<std::unique_ptr<engine::HandOver>>> hand_overs_;  // from, to
  std::vector<std::unique_ptr<Host>> hosts_;
  Host* server_ = nullptr;
  std::vector<Host*> workers_;
  std::vector<std::unique_ptr<Link>> links_;
  std::multimap<TimePoint, std::function<void()>> events_;
  engine::TunBatch batch_;
};

}  // namespace vpnd::sim
