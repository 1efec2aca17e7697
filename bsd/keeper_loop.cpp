// SPDX-License-Identifier: ISC
#include "bsd/keeper_loop.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "bsd/clocks.h"
#include "bsd/route_watch.h"
#include "bsd/tcp_options.h"
#include "core/base/log.h"

namespace vpnd::bsd {
namespace {

using namespace std::chrono_literals;

constexpr Duration kStopWithin = 400ms, kPeersEvery = 1s;
constexpr Duration kSettle = 200ms;  // an uplink that moves does so in several steps

TimePoint now() noexcept {
  return read_clocks().mono;
}

}  // namespace

KeeperLoop::KeeperLoop(plan::Keeper& keeper, KeeperFiles files, Signals& signals,
                       const host::Caution& caution)
    : keeper_(keeper),
      files_(std::move(files)),
      signals_(signals),
      try_for_(caution.try_for),
      running_(caution.running) {
  open_control();
  try {
    routes_.reset(open_route_watch());
    networks_at_ = now();  // it was not heard what happened before
  } catch (const Error& e) {
    log(Level::warning, "{}; routes will not follow another gateway", e.what());
  }
  if (!files_.listeners.empty()) congestion_ = congestion_control(files_.listeners.front().get());
}

KeeperLoop::~KeeperLoop() {
  set_event_listener({});
  end_engine();
}

plan::action::Finish KeeperLoop::run() {
  if (try_for_.count() > 0) {
    try_until_ = now() + try_for_;
    log(Level::notice, "a trial of {} s: \"vpnd confirm {}\", or Enter here, makes it stay",
        try_for_.count(), files_.control_name);
  }
  start_engine();
  while (!finish_) {
    wait();
    tell_running();
  }
  end_engine();
  signals_.let_through();
  keeper_.revert();
  return *finish_;
}

void KeeperLoop::tell_running() {
  const bool runs = keeper_.is_server() ? keeper_.engine_ready() : keeper_.was_up();
  if (runs && running_) std::exchange(running_, {})(keeper_.common().interface);
}

// ---- waiting

void KeeperLoop::wait() {
  const bool ask = try_until_ != kNever && ::isatty(STDIN_FILENO) == 1;
  std::vector<pollfd> fds{{signals_.fd(), POLLIN, 0},
                          {socket_.get(), POLLIN, 0},
                          {routes_.get(), POLLIN, 0},
                          {ask ? STDIN_FILENO : -1, POLLIN, 0}};
  if (control_) control_->watch(fds);
  const Duration left = std::clamp<Duration>(next_deadline() - now(), Duration{}, 1h);
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  if (::poll(fds.data(), static_cast<nfds_t>(fds.size()), static_cast<int>(ms)) < 0 &&
      errno != EINTR) {
    throw Error("wait", errno, {}, Exit::os);
  }
  signals();
  if (fds[1].revents != 0) from_engine();
  const TimePoint at = now();
  if (fds[2].revents != 0 && ways_changed(routes_.get())) {
    networks_at_ = std::min(networks_at_, std::max(at + kSettle, networks_not_before_));
  }
  if (fds[3].revents != 0) read_terminal();
  timers(at);
  serve_control(now());
}

TimePoint KeeperLoop::next_deadline() const noexcept {
  TimePoint next = std::min({start_at_, stop_by_, report_by_, try_until_, networks_at_});
  next = std::min(next, keeper_.next_look());
  if (keeper_.is_server()) next = std::min(next, look_at_peers_);
  return control_ ? std::min(next, control_->next_deadline()) : next;
}

void KeeperLoop::timers(TimePoint at) {
  if (finish_) return;
  if (at >= stop_by_) perform(plan::action::Finish{});
  if (at >= try_until_) end_trial();
  if (finish_) return;
  if (at >= start_at_) {
    start_at_ = kNever;
    start_engine();
  }
  if (keeper_.is_server() && at >= look_at_peers_) watch_peers(at);
  heal(at);
}

// Routes that somebody removed are put back, and those to the server follow the default gateway.
void KeeperLoop::heal(TimePoint at) {
  const bool changed = at >= networks_at_;
  if (changed) {
    networks_at_ = kNever;
    const TimePoint begin = now();
    perform(keeper_.networks_changed(at));
    // Where looking takes long, because there are so many routes, it is done less often.
    const TimePoint end = now();
    networks_not_before_ = end + 10 * (end - begin);
  }
  if (changed || at >= keeper_.next_look()) perform(keeper_.look(at, {}));
}

void KeeperLoop::watch_peers(TimePoint at) {
  look_at_peers_ = at + kPeersEvery;
  const std::string& key = keeper_.common().key;
  const FileStamp stamp = stamp_of(key + ".peers");
  if (stamp == peers_stamp_ || !keeper_.engine_ready()) return;
  peers_stamp_ = stamp;
  try {
    const Fd fd = open_peers_file(key);
    tell(plan::to_engine::Peers{}, fd.get());
  } catch (const Error& e) {
    log(Level::error, "{}; the old client list stays in force", e.what());
  }
}

// ---- signals

// INT and TERM end, and take everything back; the second one ends at once. USR2 writes the status
// into the log. HUP reads the file again; without one it is like TERM.
void KeeperLoop::signals() {
  for (int number = signals_.next(); number != 0; number = signals_.next()) on_signal(number);
}

void KeeperLoop::on_signal(int number) {
  switch (number) {
    case SIGCHLD:
      return reap();
    case SIGUSR1:
      // Nothing takes over here what stays behind.
      log(Level::warning, "SIGUSR1 means nothing on this system");
      return;
    case SIGUSR2:
      log_wanted_ = true;  // serve_control() answers it with the others
      return;
    case SIGHUP:
      if (!files_.read_again) return stop();
      (void)reload();
      return;
    default:
      break;
  }
  if (std::exchange(told_to_end_, true)) end_at_once(number);
  stop();
}

void KeeperLoop::end_at_once(int number) {
  end_engine();
  log(Level::warning, "ended at once; \"vpnd cleanup {}\" takes back what is left",
      keeper_.common().interface);
  signals_.let_through();
  (void)::raise(number);
}

// ---- the trial

void KeeperLoop::confirm() {
  if (try_until_ == kNever) return;
  try_until_ = kNever;
  log(Level::notice, "confirmed");
}

void KeeperLoop::end_trial() {
  try_until_ = kNever;
  tried_in_vain_ = true;
  keeper_.leave_nothing();
  stop();
}

void KeeperLoop::stop() {
  stop_by_ = std::min(stop_by_, now() + kStopWithin);
  start_at_ = kNever;
  perform(keeper_.stop(now()));
}

// In the background a read would stop us instead.
void KeeperLoop::read_terminal() {
  if (::tcgetpgrp(STDIN_FILENO) != ::getpgrp()) return;
  ByteArray<256> line;
  const auto n = ::read(STDIN_FILENO, line.data(), line.size());
  if (n > 0 && std::find(line.begin(), line.begin() + n, '\n') != line.begin() + n) confirm();
}

}  // namespace vpnd::bsd
