// SPDX-License-Identifier: ISC
#pragma once

// The packet loop of one engine: a kqueue tells what can be read or written, calls that never block
// do it, and the engine (core/engine/engine.h) decides about everything else.

#include <array>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "bsd/carrier.h"
#include "bsd/channel.h"
#include "bsd/kqueue.h"
#include "core/engine/engine.h"
#include "core/engine/resolver.h"

namespace vpnd::bsd {

class Driver {
 public:
  // The queue is made before its process is confined. `keeper`: the process that the engine ends
  // with; 0: none. All must outlive the driver.
  Driver(engine::Engine&, KeeperLink&, Kqueue&, std::string key_name, pid_t keeper);

  // Until the keeper stops it or is gone, or the engine has ended. Throws Error.
  void run();

 private:
  // Anything that is watched besides carriers.
  struct Watched {
    Fd fd;
    Interest interest;
  };
  enum class What : std::uintptr_t { keeper, keeper_process, tun, listener, resolver, carrier };
  static constexpr std::uintptr_t tag(What what, std::uintptr_t which = 0) noexcept {
    return which * 8 + static_cast<std::uintptr_t>(what);
  }

  // ---- driver.cpp: waiting, the device, listeners
  void turn();
  void happened(const Happened&);
  void watch_all();
  void watch(Watched&, Interest wanted, std::uintptr_t tag);
  void unwatch(Watched&) noexcept;  // and closes it
  void timers();
  Duration until_next() noexcept;
  bool finished() const noexcept { return finished_ || link_.gone(); }
  void read_tun() noexcept;
  void write_tun() noexcept;
  bool accepting() const noexcept;
  void accept_from(std::size_t listener);

  // ---- driver_carriers.cpp: connections
  void add(Fd, engine::ConnId, Carrier::Stage);
  Carrier* find(engine::ConnId) noexcept;
  void happened(Carrier&, const Happened&);
  void connected(Carrier&);
  void receive(Carrier&);
  void feed(Carrier&, std::size_t fresh);
  void discard(Carrier&);
  void at_end(Carrier&);
  void send_ready();
  void send(Carrier&);
  bool send_once(Carrier&, std::size_t& budget);
  void look_at_path(Carrier&) noexcept;
  void finish(Carrier&);
  void end(Carrier&, int errnum);
  void watch(Carrier&);
  void bury() noexcept;

  // ---- driver_events.cpp: what the engine wants, and what the keeper says
  bool effects();  // true: there were some
  void keeper_ready();
  void resolver_ready(std::size_t which);
  void on(const engine::Dial&);
  void on(const engine::Hangup&);
  void on(const engine::Move&) {}  // there is no other worker
  void on(const engine::Became&);
  void on(const engine::KeepCookie&);
  void on(const engine::AskResolver&);
  void on(const engine::SendQuery&);
  void on(const engine::EndLookUp&);
  void on(const engine::UseAddresses&);
  void on(const engine::Ended&);
  void on(plan::to_engine::Tun, Fd);
  void on(plan::to_engine::Listener, Fd);
  void on(plan::to_engine::Dialled, Fd);
  void on(plan::to_engine::Peers, Fd);
  void on(plan::to_engine::ReportPlease, Fd);
  void on(plan::to_engine::Stop, Fd);
  void on(plan::to_engine::NetworkChanged, Fd);
  void on(plan::to_engine::Resolver, Fd);
  void on(const plan::to_engine::Settings&, Fd);

  engine::Engine& engine_;
  KeeperLink& link_;
  Kqueue& queue_;
  std::string key_name_;
  Now now_;

  Watched tun_;
  wire::Slot tun_slot_;
  engine::TunBatch batch_;
  TimePoint tun_again_{};
  bool tun_failed_ = false;

  Interest keeper_interest_;
  std::vector<Watched> listeners_;
  TimePoint accept_again_{};
  std::array<Watched, engine::kMostResolvers> resolvers_;

  std::unordered_map<std::uintptr_t, std::unique_ptr<Carrier>> carriers_;  // by tag
  std::unordered_map<std::uint64_t, Carrier*> by_conn_;  // those that the engine still knows
  std::uintptr_t last_carrier_ = 0;
  std::vector<std::uintptr_t> ended_;
  std::vector<ReceiveBuffer> spare_;
  std::vector<engine::ConnId> dialling_;

  struct Drain {
    TimePoint until;
    std::uintptr_t carrier;
  };
  std::deque<Drain> drains_;  // all wait equally long, so the first is the next

  bool stopping_ = false, finished_ = false;
  TimePoint stop_by_ = kNever;
};

}  // namespace vpnd::bsd
