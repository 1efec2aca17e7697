// SPDX-License-Identifier: ISC
#pragma once

// What both packet loops share: everything but waiting. A loop (run_uring.h, run_epoll.h) watches
// what the driver names, tells it what happened, calls turn(), and looks at the carriers that were
// touched. The loop performs reads of the TUN and sends; the driver does the rest by calls that
// never block.

#include <array>
#include <chrono>
#include <deque>
#include <span>
#include <vector>

#include "core/engine/engine.h"
#include "core/engine/resolver.h"
#include "linux/carrier.h"
#include "linux/crew.h"
#include "linux/fd.h"
#include "linux/keeper_link.h"

namespace vpnd::nl {

Now read_clocks() noexcept;  // CLOCK_BOOTTIME and CLOCK_REALTIME

class Driver {
 public:
  // Worker 0 has the link to the keeper, and no other.
  Driver(engine::Engine&, KeeperLink*, Crew&, std::uint32_t worker, std::string key_name);

  // ---- TUN
  int tun_fd() const noexcept { return tun_.get(); }
  // Where the next packet goes: virtio header, then packet. Empty: read nothing now.
  std::span<const iovec> tun_room() noexcept;
  // Outcome of one read into tun_room(); negative: -errno. Reads on while packets wait.
  void tun_read(ssize_t result) noexcept;

  // ---- what is only watched for readiness
  std::span<const Fd> listeners() const noexcept { return listeners_; }
  bool accepting() noexcept;  // false for a moment after descriptors ran out
  void accept_ready(std::size_t listener);
  int keeper_fd() const noexcept { return link_ == nullptr ? -1 : link_->fd(); }  // -1: none
  bool keeper_wants_write() noexcept { return link_ != nullptr && link_->flush(); }
  void keeper_ready();
  int mail_fd() const noexcept { return crew_.bell(worker_); }  // -1: there are no other workers
  void mail_ready();

  // ---- resolvers that are asked for the server's name; some may be closed
  std::span<const Fd> resolvers() const noexcept { return resolvers_; }
  void resolver_ready(std::size_t which);

  // ---- carriers
  Carrier* carrier(std::uint32_t slot) noexcept { return carriers_.at(slot); }
  void readable(Carrier&);  // also for a connecting one that is writable now
  // For a read straight into the buffer, when carrier.read_on.
  MutBytes receive_room(Carrier&);
  void received(Carrier&, ssize_t result);  // negative: -errno
  void sent(Carrier&, ssize_t result);      // likewise
  void dispose(Carrier&);                   // closing, and nothing in flight
  void move(Carrier&);                      // moving, and nothing in flight or to be sent
  void touch(Carrier&);                     // look at it again

  // ---- the loop
  // Looks at the clock: after every wait, before what it brought, for an hour may have passed in
  // it.
  void woke() noexcept;
  void turn();
  // Those whose wants may have changed since the last call; each once.
  std::span<const std::uint32_t> take_touched();
  Duration until_next() noexcept;
  bool finished() const noexcept { return finished_ || (link_ != nullptr && link_->gone()); }

 private:
  void feed(Carrier&, std::size_t fresh);
  void make_room(Carrier&) noexcept;
  void settle(Carrier&, bool filled);
  void discard(Carrier&);
  void write_tun() noexcept;
  void drain_tun(ssize_t first) noexcept;
  bool tun_take(std::size_t size) noexcept;

  void effects();
  void on(const engine::Dial&);
  void on(const engine::Hangup&);
  void on(const engine::Move&);
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

  // driver_crew.cpp
  void on(engine::Mail&&);
  void on(letter::Session&&);
  void on(letter::Queue&&);
  void on(letter::ReportPlease&&);
  void on(letter::ReportPart&&);
  void on(letter::Line&&);
  void on(letter::Happened&&);
  void on(letter::Stop&&);
  void on(letter::Quit&&);
  void on(letter::Ended&&);
  void post();
  void ring_for_packets() noexcept;

  void stop();
  void send_report();
  bool load(Carrier&);  // gathers the next pieces; false: there are none
  void fail(Carrier&, int errnum);
  void finish(Carrier&);
  void wait_for_peer(Carrier&);
  void ended(Carrier&, bool cleanly);
  void close(Carrier&);
  void look_at_path(Carrier&);
  void judge_path(Carrier&, Duration round_trip);
  void timers();

  engine::Engine& engine_;
  KeeperLink* link_;
  Crew& crew_;
  std::uint32_t worker_;
  std::string key_name_;
  Now now_;

  Fd tun_;
  wire::Slot tun_slot_;
  wire::VnetHeader tun_vnet_;
  std::array<iovec, 2> tun_iov_{};

  std::vector<Fd> listeners_;
  TimePoint accept_again_{};
  std::array<Fd, engine::kMostResolvers> resolvers_;

  CarrierTable carriers_;
  ReceiveBuffers buffers_;
  std::vector<std::unique_ptr<Sending>> spare_sendings_;
  engine::TunBatch batch_;
  std::vector<engine::ConnId> dialling_;
  std::vector<std::uint32_t> touched_, touched_out_;

  struct Drain {
    TimePoint until;
    engine::ConnId conn;
    std::uint32_t slot;
  };
  std::deque<Drain> drains_;  // all wait equally long, so the first is the next

  std::string lowered_;  // the congestion control of carriers that left the keeper's choice
  // The report that is gathered from all workers.
  plan::to_keeper::ReportHead report_;
  std::uint32_t report_parts_missing_ = 0, reports_owed_ = 0;
  std::uint32_t workers_ended_ = 0;
  bool stopping_ = false, finished_ = false;
  TimePoint stop_by_ = kNever;
};

}  // namespace vpnd::nl
