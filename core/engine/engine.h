// SPDX-License-Identifier: ISC
#pragma once

// The data path and the session logic of one worker, sans-IO: bytes, time and randomness come in
// as arguments; bytes to send, packets for the TUN and effects go out. A driver (linux/run*.cpp,
// or the simulator) pumps it:
//
//   TUN readable   slot() -> read into packet_room() -> from_tun()
//   socket readable  received() until it consumes nothing; write the TunBatch to the TUN
//   after any call   while next_ready(): gather(), send, later sent()
//                    take_effects(); arm a timer for next_wake(); wake() when it is due
//
// Not thread-safe: an engine belongs to one thread. A server may have several, its workers
// (workers.h); a driver brings what they say to each other:
//
//   after any call   take_post() -> deliver() to whom it is for; wake the workers of handed_to(),
//                    which then take_handed()

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/base/entropy.h"
#include "core/engine/counters.h"
#include "core/engine/effects.h"
#include "core/engine/path.h"
#include "core/engine/settings.h"
#include "core/engine/tun_batch.h"
#include "core/engine/workers.h"
#include "core/wire/offload.h"
#include "core/wire/pool.h"

namespace vpnd::engine {

// A row of `status` for one peer of a server, or for the client's server.
struct PeerReport {
  std::string name;  // mode P; else empty
  Endpoint endpoint;
  Address inner_v4, inner_v6;
  Traffic received, sent;
  Duration age{}, rtt{};  // since the handshake; smoothed, zero: unknown
  Duration rtt_min{};     // of this session; zero: unknown
  Duration next_rekey{};  // until then; zero: unknown, for it is the client who begins it
  std::uint64_t queue_drops = 0;
  crypto::Cipher cipher = crypto::Cipher::chacha20_poly1305;
  std::uint32_t worker = 0;
};

struct Report {
  bool server = false;
  ClientState state = ClientState::idle;  // client
  Duration in_state{};                    // client
  Counters counters;
  std::uint32_t half_open = 0, draining = 0;
  std::vector<PeerReport> peers;
};

// A worker's part joins that of the first one.
void add(Report& whole, Report&& part);

class ClientEngine;
class ServerEngine;
class WorkerEngine;

class Engine {
 public:
  Engine(ClientSettings, const Room&, Entropy, Now);
  Engine(ServerSettings, const Room&, Entropy, Now, const Workers& = {});       // the first worker
  Engine(const SessionSettings&, const Room&, const Entropy&, const Workers&);  // another
  ~Engine();
  Engine(Engine&&) noexcept;

  // ---- carrier events
  // Server: a connection was accepted. nullopt: no room, close it at once.
  std::optional<ConnId> accepted(const Endpoint& from, Now);
  // Client: the dial succeeded.
  void connected(ConnId, Now);
  // The peer closed (errnum 0), the connection failed, or the dial did. The id is dead with it, and
  // so are its pieces: no send may be under way any more.
  void closed(ConnId, int errnum, Now);
  // Stream bytes. Returns how many were consumed; keep the rest and give it again with more behind
  // it. Stops early when `tun` is full: write it, clear it, call again. A connection needs at most
  // max_receive() bytes in its buffer at once.
  std::size_t received(ConnId, MutBytes stream, TunBatch& tun, Now);
  static constexpr std::size_t max_receive() noexcept {
    return wire::kRecordHeader + wire::kMaxPlaintext + wire::kMaxTagRoom;
  }

  // ---- client: looking the server's name up
  // What AskResolver asked for is there (`given`), or cannot be had. False: close it, it is not
  // wanted any more.
  bool resolver_opened(std::uint32_t round, std::uint32_t resolver, bool given, Now);
  void resolver_answered(std::uint32_t resolver, Bytes message, Now);
  void resolver_failed(std::uint32_t resolver, Now);

  // ---- from the TUN
  // A slot to read into; empty when every slot is in use: read nothing until sent() was called.
  wire::Slot slot() noexcept;
  // One packet of `size` bytes at slot.packet_room(). Takes the slot (leaving it empty) when it
  // keeps it; otherwise the slot may be used again. The drop is counted already.
  Drop from_tun(wire::Slot& slot, const wire::VnetHeader&, std::size_t size, Now) noexcept;

  // ---- a server's workers
  // A connection of a Move effect; nullopt: it is not to move any more.
  std::optional<Moved> take(ConnId);
  ConnId adopt(Moved&&, Now);
  std::vector<Post> take_post();
  void deliver(const Mail&, Now);
  // Bits of workers that were given packets since the last call, and must be woken.
  std::uint32_t handed_to() noexcept;
  void take_handed(Now) noexcept;

  // ---- to the carrier
  // A connection that has something to send and nothing in flight. Each is named once, until
  // gather() was called for it: now, or when the socket has room.
  std::optional<ConnId> next_ready() noexcept;
  // Seals what waits, up to room.batch_bytes, and names the pieces, in order. They stay valid until
  // sent() accounted for all of them. Called again before that, it gives what remains of the same
  // pieces. 0: nothing.
  std::size_t gather(ConnId, std::span<Bytes> out, Now) noexcept;
  // So many bytes of the pieces were taken by the socket.
  void sent(ConnId, std::size_t bytes, Now) noexcept;
  // What the socket knows of its path: how long a queue may be depends on it.
  void path(ConnId, const Path&) noexcept;

  // ---- time, effects, control
  TimePoint next_wake() const noexcept;
  void wake(Now);
  std::vector<Effect> take_effects();
  void stop(Now);             // CLOSE to everybody; Hangup effects follow
  void network_changed(Now);  // client: try at once
  void replace_peers(std::vector<wire::PeerEntry>&&, Now);  // server, mode P; revoked ones go
  void change(const ServerChanges&);                        // server
  Report report(Now) const;
  const Counters& counters() const noexcept;
  void count(Drop) noexcept;  // what the driver dropped: tun_write

 private:
  template<class F>
  decltype(auto) with(F&& act) const;

  std::unique_ptr<ClientEngine> client_;  // one of these
  std::unique_ptr<ServerEngine> server_;
  std::unique_ptr<WorkerEngine> worker_;
};

}  // namespace vpnd::engine
