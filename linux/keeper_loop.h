// SPDX-License-Identifier: ISC
#pragma once

// The privileged loop: signals, the engine's messages, its death, the status socket. It waits with
// poll(2); nothing here is fast, and nothing blocks.

#include <poll.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/plan/keeper.h"
#include "core/plan/rate_meter.h"
#include "core/plan/reload.h"
#include "linux/control_socket.h"
#include "linux/engine_process.h"
#include "linux/fd.h"
#include "linux/key_file.h"
#include "linux/metrics_outlet.h"
#include "linux/monitor.h"
#include "linux/service_manager.h"
#include "linux/signals.h"

namespace vpnd::nl {

// What was opened before the loop began.
struct KeeperFiles {
  Fd key, lease_secret;  // the secret: server only
  std::vector<Fd> listeners;
  wire::InstanceId instance{};  // client only
  std::string run_directory;
  bool has_v6 = true;  // client only
  std::optional<gid_t> control_group;
  bool listeners_given = false;  // by a socket unit, which keeps them itself
  ServiceManager service;
  int tables = -1;  // what the service manager keeps besides (kept.h); not ours to close
  Fd session;
  // Of a tunnel that has a file: reads it again (throws Error), and what it said at first.
  std::string path;
  std::function<plan::Config()> read_again;
  plan::Config as_read;
};

class KeeperLoop {
 public:
  // `try_for`: a trial that ends by itself unless it is confirmed; zero: none.
  KeeperLoop(plan::Keeper&, KeeperFiles, Signals&, Loop, std::chrono::seconds try_for);
  KeeperLoop(const KeeperLoop&) = delete;
  KeeperLoop& operator=(const KeeperLoop&) = delete;
  ~KeeperLoop();

  // To be told that it runs; before run().
  void when_running(host::Running running) { running_ = std::move(running); }
  // Until a signal or an end; everything is reverted when it returns, unless it stands.
  plan::action::Finish run();
  // All that was applied is left as it is: the process is to end without destroying it.
  bool stands() const noexcept { return stands_; }

 private:
  void start_engine();
  void end_engine() noexcept;
  void reap();
  void perform(plan::Actions);
  void perform(const plan::action::SendListeners&);
  void perform(const plan::action::SendTun&);
  void perform(const plan::action::SendStop&);
  void perform(const plan::action::SendNetworkChanged&);
  void perform(const plan::action::Dial&);
  void perform(const plan::action::Refuse&);
  void perform(const plan::action::DialResolver&);
  void perform(const plan::action::RefuseResolver&);
  void perform(const plan::action::KillEngine&);
  void perform(const plan::action::StartEngine&);
  void perform(const plan::action::SendSettings&);
  void perform(const plan::action::Finish&);
  void tell(const plan::ToEngine&, int fd = -1);

  void wait();
  void signals();  // keeper_loop_signals.cpp, down to log_status()
  void on_signal(int number);
  void end_at_once(int number);
  static void log_status(const plan::Status&);
  void from_engine();
  void timers(TimePoint now);
  void listen_to_kernel(TimePoint now);
  void heal(TimePoint now);
  void watch_peers(TimePoint now);

  // ---- keeper_loop_status.cpp: who looks
  void open_outlets();
  void announce(const Event&);
  void watch_outlets(std::vector<pollfd>&) const;
  TimePoint outlets_due() const noexcept;
  void serve_status(TimePoint now);
  void read_terminal();
  void confirm();
  void end_trial();
  void stop();
  void tell_running();
  bool report_wanted(TimePoint now) const noexcept;
  void answer_status(TimePoint now);
  plan::Status status(TimePoint now);
  TimePoint next_deadline() const noexcept;

  // keeper_loop_reload.cpp
  plan::Reloaded reload();
  plan::ConfigChange read_file_again();  // throws Error

  // keeper_loop_service.cpp
  void keep_what_is_open();
  void keep_session();
  void leave_standing();
  void revert();
  void tell_manager(TimePoint now);
  TimePoint next_beat() const noexcept;

  plan::Keeper& keeper_;
  KeeperFiles files_;
  Signals& signals_;
  Loop loop_;
  std::optional<ControlSocket> control_;
  std::optional<MetricsSocket> metrics_socket_;
  std::optional<MetricsFile> metrics_file_;
  plan::RateMeter rate_;
  TimePoint began_{};

  pid_t engine_ = -1;
  Fd socket_;
  std::string carrier_congestion_;

  std::optional<Monitor> monitor_;
  std::string removed_by_;
  TimePoint look_at_ = kNever, networks_at_ = kNever, networks_not_before_{};

  FileStamp peers_stamp_;
  TimePoint look_at_peers_{}, start_at_ = kNever, stop_by_ = kNever;
  TimePoint report_by_ = kNever;
  std::uint64_t report_wanted_ = 0;
  std::chrono::seconds try_for_;
  TimePoint try_until_ = kNever;
  bool tried_in_vain_ = false;
  bool told_to_end_ = false, stands_ = false;
  bool log_wanted_ = false;  // of the status
  host::Running running_;

  bool told_ready_ = false, was_ready_ = false;
  TimePoint beat_at_ = kNever;
  std::uint64_t beat_wanted_ = 0;  // the report that shows that the engine works; 0: none
  std::string told_;               // the line that the service manager shows
  std::optional<plan::KeptSession> kept_session_;
  std::optional<plan::action::Finish> finish_;
};

}  // namespace vpnd::nl
