// SPDX-License-Identifier: ISC
#pragma once

// The sessions of one worker of a server: records in, packets out, and which inner address leads
// where. Whoever is in here was admitted elsewhere.

#include <functional>
#include <utility>

#include "core/engine/allowed_ips.h"
#include "core/engine/carriers.h"
#include "core/engine/delivery.h"
#include "core/engine/engine.h"
#include "core/engine/hand_over.h"

namespace vpnd::engine {

class Sessions {
 public:
  // A session ended by itself: its peer left, fell silent, or broke the protocol.
  using Ended = std::function<void(const Connection&, std::string_view why, Now)>;

  Sessions(const SessionSettings&, const Workers&, const Room&, const Entropy&, Ended);
  ~Sessions();
  Sessions(const Sessions&) = delete;
  Sessions& operator=(const Sessions&) = delete;

  Carriers& carriers() noexcept { return carriers_; }
  const Carriers& carriers() const noexcept { return carriers_; }
  Counters& counters() noexcept { return counters_; }
  const Counters& counters() const noexcept { return counters_; }
  std::vector<Effect>& effects() noexcept { return effects_; }

  // A connection with a channel that belongs here from now on.
  void enter(Connection&);
  Connection& adopt(Moved&&, Now);
  // And one that goes elsewhere: nothing of it may be in flight. It is released.
  Moved take(Connection&);

  void isolate(bool on) noexcept { settings_.rule.isolate = on; }
  void route(const InnerAddresses&, std::uint32_t worker);
  void unroute(const InnerAddresses&, std::uint32_t worker);

  // `on` is told of everything that is not data; see receive_records().
  template<class On>
  std::size_t received(Connection&, MutBytes stream, TunBatch&, Now, const On& on);
  std::size_t received(Connection&, MutBytes stream, TunBatch&, Now);
  bool on_event(Connection&, const wire::Channel::Received&, Now);

  wire::Slot slot() noexcept;
  Drop from_tun(wire::Slot&, const wire::VnetHeader&, std::size_t size, Now) noexcept;
  void take_handed(Now) noexcept;  // from other workers
  std::uint32_t handed_to() noexcept { return std::exchange(handed_to_, 0); }

  void tick(Connection&, Now);
  void lost(Connection&, std::string_view why, Now);  // it ends; the connection is the caller's
  void close(Connection&, wire::CloseReason, Now);    // ended_ is not called
  void hang_up(Connection&, Now);
  std::vector<PeerReport> rows(Now) const;

 private:
  enum class Origin : std::uint8_t { tun, other_worker };
  void drop_routes(const Connection&);
  Drop to_owner(wire::Slot&, const wire::VnetHeader&, std::size_t size, Now, Origin) noexcept;
  Drop hand_over(std::uint32_t worker, wire::Slot&, const wire::VnetHeader&,
                 std::size_t size) noexcept;

  SessionSettings settings_;
  Workers workers_;
  Counters counters_;
  Carriers carriers_;
  std::vector<Effect> effects_;
  AllowedIps routes_;  // to a connection's index, or with kElsewhere to a worker
  std::uint32_t handed_to_ = 0;
  Ended ended_;
};

// For people: "10.0.0.7 (anna)".
std::string label(const Connection&);
// For an event's field: the name, or else the inner address.
std::string peer_name(const Connection&);

inline std::string_view why_closed(int errnum) noexcept {
  return errnum == 0 ? "connection closed" : "connection lost";
}

template<class On>
std::size_t Sessions::received(Connection& c, MutBytes stream, TunBatch& tun, Now now,
                               const On& on) {
  const ConnId id = c.id;
  const auto allowed = [&](const wire::IpInfo& ip) {
    return check_from_client(ip, c.inner, settings_.rule);
  };
  const std::size_t used =
      receive_records(c, stream, {tun, counters_, settings_.kinds, now.mono}, allowed, on);
  if (carriers_.find(id) != nullptr && c.phase == Phase::up) {
    carriers_.arm(c);
    carriers_.want_send(c);
  }
  return used;
}

}  // namespace vpnd::engine
