// SPDX-License-Identifier: ISC
#pragma once

// The privileged loop: signals, the engine's messages, its death, the control socket, and what the
// routing socket tells. It waits with poll(2); nothing here is fast, and nothing blocks.

#include <poll.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bsd/control_socket.h"
#include "bsd/fd.h"
#include "bsd/key_file.h"
#include "bsd/signals.h"
#include "core/plan/keeper.h"
#include "core/plan/rate_meter.h"
#include "core/plan/reload.h"

namespace vpnd::bsd {

// What was opened before the loop began.
struct KeeperFiles {
  Fd key, lease_secret;  // the secret: server only
  std::vector<Fd> listeners;
  wire::InstanceId instance{};  // client only
  bool has_v6 = true;           // client only
  std::string run_directory;
  std::string control_name;  // of the control socket
  std::optional<gid_t> control_group;
  // Of a tunnel that has a file: reads it again (throws Error), and what it said at first.
  std::function<plan::Config()> read_again;
  plan::Config as_read;
};

class KeeperLoop {
 public:
  // `caution.try_for`: a trial that ends by itself unless it is confirmed; zero: none.
  KeeperLoop(plan::Keeper&, KeeperFiles, Signals&, const host::Caution& caution);
  KeeperLoop(const KeeperLoop&) = delete;
  KeeperLoop& operator=(const KeeperLoop&) = delete;
  ~KeeperLoop();

  // Until a signal or an end; everything is reverted when it returns.
  plan::action::Finish run();

 private:
  // ---- keeper_loop.cpp: waiting, signals, time
  void wait();
  void signals();
  void on_signal(int number);
  void end_at_once(int number);
  void timers(TimePoint now);
  TimePoint next_deadline() const noexcept;
  void heal(TimePoint now);
  void watch_peers(TimePoint now);
  void read_terminal();
  void confirm();
  void end_trial();
  void stop();
  void tell_running();

  // ---- keeper_loop_engine.cpp: the engine's process, and what is to be done
  void start_engine();
  void end_engine() noexcept;
  void reap();
  void from_engine();
  void tell(const plan::ToEngine&, int fd = -1);
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

  // ---- keeper_loop_status.cpp: who looks, and who asks for another configuration
  void open_control();
  void announce(const Event&);
  void serve_control(TimePoint now);
  bool report_wanted() const noexcept;
  void answer_status(TimePoint now);
  plan::Status status(TimePoint now);
  static void log_status(const plan::Status&);
  plan::Reloaded reload();
  plan::ConfigChange read_file_again();  // throws Error

  plan::Keeper& keeper_;
  KeeperFiles files_;
  Signals& signals_;
  std::optional<ControlSocket> control_;
  plan::RateMeter rate_;
  TimePoint began_{};

  pid_t engine_ = -1;
  Fd socket_;
  std::string congestion_;  // of the carriers

  Fd routes_;  // a routing socket for watching
  TimePoint networks_at_ = kNever, networks_not_before_{};

  FileStamp peers_stamp_;
  TimePoint look_at_peers_{}, start_at_ = kNever, stop_by_ = kNever;
  TimePoint report_by_ = kNever;
  std::uint64_t report_wanted_ = 0;
  std::chrono::seconds try_for_;
  TimePoint try_until_ = kNever;
  bool tried_in_vain_ = false, told_to_end_ = false;
  bool log_wanted_ = false;  // of the status
  host::Running running_;
  std::optional<plan::action::Finish> finish_;
};

}  // namespace vpnd::bsd
