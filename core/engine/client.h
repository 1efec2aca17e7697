// SPDX-License-Identifier: ISC
#pragma once

// The client: dials until a handshake succeeds, keeps the session alive, replaces it when it dies.

#include <string>
#include <vector>

#include "core/engine/carriers.h"
#include "core/engine/delivery.h"
#include "core/engine/engine.h"
#include "core/engine/resolver.h"

namespace vpnd::engine {

class ClientEngine {
 public:
  ClientEngine(ClientSettings&&, const Room&, Entropy, Now);

  void connected(ConnId, Now);
  void closed(ConnId, int errnum, Now);
  std::size_t received(ConnId, MutBytes stream, TunBatch&, Now);
  bool resolver_opened(std::uint32_t round, std::uint32_t resolver, bool given, Now);
  void resolver_answered(std::uint32_t resolver, Bytes message, Now);
  void resolver_failed(std::uint32_t resolver, Now);
  Drop from_tun(wire::Slot&, const wire::VnetHeader&, std::size_t size, Now) noexcept;
  TimePoint next_wake() const noexcept;
  void wake(Now);
  void stop(Now);
  void network_changed(Now);
  Report report(Now) const;

  Carriers& carriers() noexcept { return carriers_; }
  std::vector<Effect>& effects() noexcept { return effects_; }
  Counters& counters() noexcept { return counters_; }
  const Counters& counters() const noexcept { return counters_; }

 private:
  // client.cpp: states and attempts
  void enter(ClientState, Now);
  void start_try(Now);
  std::size_t next_endpoint() noexcept;
  void count_silent_tries() noexcept;
  void make_room(Now);
  void schedule_try(Now);
  void forget_attempt(std::uint32_t index) noexcept;
  void hang_up(Connection&, Now);
  void hang_up_attempts(Now);
  void lost(std::string_view why, Now);
  void block(std::string_view why, Duration wait, Now);
  void end(Exit, std::string line, std::string remedy, Now);
  void give_up(Now);
  void tick(Now);
  bool trying() const noexcept {
    return state_ == ClientState::connecting || state_ == ClientState::reconnecting;
  }
  Duration spread(Duration base, unsigned percent);

  // client_look_up.cpp: the server's name
  void plan_look_up(Now);
  void look_up_again(Now);
  void look_up_due(Now);
  void looked_up(Now);
  void use(std::span<const Address> found, Now);
  TimePoint next_look_up() const noexcept;

  // client_session.cpp: the handshake and what comes after it
  void send_opening(Connection&, Now);
  std::size_t read_opening(Connection&, Bytes stream, Now);
  void answered(Connection&, Now);
  void refused(Connection&, wire::Status, Now);
  bool lease_acceptable(const wire::Lease&, Now);
  void win(Connection&, Now);
  static void tell_of_session(const Connection&, Duration took, bool replaces);
  bool on_event(Connection&, const wire::Channel::Received&, Now);
  bool on_close(Connection&, wire::CloseReason, Now);
  void take_lease(Connection&, const wire::Lease&, Now);
  void announce(Connection&);

  ClientSettings settings_;
  Entropy entropy_;
  wire::ChannelLimits limits_;
  Counters counters_;
  Carriers carriers_;
  std::vector<Effect> effects_;

  std::optional<Resolver> resolver_;  // where there is a name to look up
  TimePoint look_up_at_ = kNever;
  Duration look_up_wait_{};

  ClientState state_ = ClientState::idle;
  TimePoint state_since_{}, started_{}, down_since_{};
  TimePoint next_try_ = kNever, last_try_{}, give_up_at_ = kNever;
  std::vector<std::uint32_t> attempts_;  // oldest first
  std::optional<std::uint32_t> current_;
  std::size_t turn_ = 0, failed_in_a_row_ = 0;
  std::optional<Endpoint> last_good_;  // where the last session was had
  unsigned silent_tries_ = 0;
  std::int64_t clock_offset_ms_ = 0;
  bool was_up_ = false, any_connected_ = false, ended_ = false;
  int last_errnum_ = 0;
  std::optional<wire::Status> last_refusal_;
};

}  // namespace vpnd::engine
