// SPDX-License-Identifier: ISC
#pragma once

// The client: dials until a handshake succeeds, keeps the session alive, replaces it when it dies.

#include <string>
#include <vector>

#include "core/engine/carriers.h"
#include "core/engine/delivery.h"
#include "core/engine/engine.h"

namespace vpnd::engine {

class ClientEngine {
 public:
  ClientEngine(ClientSettings&&, const Room&, Entropy, Now);

  void connected(ConnId, Now);
  void closed(ConnId, int errnum, Now);
  std::size_t received(ConnId, MutBytes stream, TunBatch&, Now);
  Drop from_tun(wire::Slot&, const wire::VnetHeader&, std::size_t size) noexcept;
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

  // client_session.cpp: the handshake and what comes after it
  void send_opening(Connection&, Now);
  std::size_t read_opening(Connection&, Bytes stream, Now);
  void answered(Connection&, Now);
  void refused(Connection&, wire::Status, Now);
  bool lease_acceptable(const wire::Lease&, Now);
  void win(Connection&, Now);
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

  ClientState state_ = ClientState::idle;
  TimePoint state_since_{}, started_{}, down_since_{};
  TimePoint next_try_ = kNever, last_try_{}, give_up_at_ = kNever;
  std::vector<std::uint32_t> attempts_;  // oldest first
  std::optional<std::uint32_t> current_;
  std::size_t next_endpoint_ = 0, failed_in_a_row_ = 0;
  unsigned silent_tries_ = 0;
  std::int64_t clock_offset_ms_ = 0;
  bool was_up_ = false, any_connected_ = false, ended_ = false;
  int last_errnum_ = 0;
  std::optional<wire::Status> last_refusal_;
};

}  // namespace vpnd::engine
