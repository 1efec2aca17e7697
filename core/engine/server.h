// SPDX-License-Identifier: ISC
#pragma once

// The server of one worker: who may come in, who is in, and which inner address is whose.
//
//   accepted -> opening -> (gate, time, replay) queued -> (curve work, s1) confirming -> up
//        any of the first three fails: draining, silent, until the one deadline of its own

#include <deque>
#include <map>
#include <vector>

#include "core/engine/address_pool.h"
#include "core/engine/allowed_ips.h"
#include "core/engine/carriers.h"
#include "core/engine/delivery.h"
#include "core/engine/engine.h"
#include "core/engine/half_open.h"
#include "core/engine/rate_limiter.h"
#include "core/engine/replay_cache.h"

namespace vpnd::engine {

class ServerEngine {
 public:
  ServerEngine(ServerSettings&&, const Room&, Entropy, Now);

  std::optional<ConnId> accepted(const Endpoint& from, Now);
  void closed(ConnId, int errnum, Now);
  std::size_t received(ConnId, MutBytes stream, TunBatch&, Now);
  Drop from_tun(wire::Slot&, const wire::VnetHeader&, std::size_t size, Now) noexcept;
  TimePoint next_wake() const noexcept;
  void wake(Now);
  void stop(Now);
  void replace_peers(std::vector<wire::PeerEntry>&&, Now);
  void change(const ServerChanges&);
  Report report(Now) const;

  Carriers& carriers() noexcept { return carriers_; }
  std::vector<Effect>& effects() noexcept { return effects_; }
  Counters& counters() noexcept { return counters_; }
  const Counters& counters() const noexcept { return counters_; }

 private:
  // server.cpp: connections and sessions
  void hang_up(Connection&, Now);
  void leave(Connection&, std::string_view why, Now);
  void forget_opening(Connection&, Now);
  void close_session(Connection&, wire::CloseReason, std::string_view why, Now);
  void pin_addresses();
  void due(Connection&, Now);
  std::size_t receive_session(Connection&, MutBytes stream, TunBatch&, Now);
  bool on_event(Connection&, const wire::Channel::Received&, Now);
  bool established(Connection&, Now);
  void add_routes(const Connection&);
  void drop_routes(const Connection&);
  std::string label(const Connection&) const;
  static std::string peer_name(const Connection&);

  // server_handshake.cpp: up to s1
  std::size_t read_opening(Connection&, Bytes stream, Now);
  void gate(Connection&, Now);
  void drain(Connection&, Drop why, Now);
  void offer_clock(Connection&, const wire::Gate&, Now);
  void run_handshakes(Now);
  void handshake(Connection&, Now);
  wire::HelloS answer(Connection&, const wire::HelloC&, const wire::PeerEntry*, Now);
  wire::Lease make_lease(const wire::Identity&, const Address& v4, bool want_v6, Now) const;
  void respond(Connection&, wire::Responder&, const wire::HelloS&, Now);
  bool full_for(const wire::Identity&) const noexcept;

  ServerSettings settings_;
  Entropy entropy_;
  wire::ChannelLimits limits_;
  Counters counters_;
  Carriers carriers_;
  std::vector<Effect> effects_;
  ServerRule rule_;

  HalfOpen half_open_;
  std::uint32_t draining_ = 0;
  ReplayCache replays_;
  RateLimiter failures_, clock_sources_;
  Bucket clock_replies_, curve_;
  std::deque<ConnId> waiting_;  // for curve work, oldest first
  AddressPool pool_;
  AllowedIps routes_;
  std::map<wire::Identity, std::uint32_t> sessions_;
  bool stopped_ = false;
};

}  // namespace vpnd::engine
