// SPDX-License-Identifier: ISC
#include "linux/keeper_loop.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/base/log.h"
#include "linux/driver.h"
#include "linux/socket.h"

namespace vpnd::nl {
namespace {

using namespace std::chrono_literals;

constexpr Duration kStopWithin = 400ms, kPeersEvery = 1s;
// Long enough for the rest of what one command removes, which then is one repair; far less than
// anybody would notice.
constexpr Duration kGather = 20ms;
constexpr Duration kSettle = 200ms;  // an uplink that moves does so in several steps
constexpr int kMessagesATurn = 256;

TimePoint now() noexcept {
  return read_clocks().mono;
}

}  // namespace

KeeperLoop::KeeperLoop(plan::Keeper& keeper, KeeperFiles files, Signals& signals, Loop loop,
                       std::chrono::seconds try_for)
    : keeper_(keeper), files_(std::move(files)), signals_(signals), loop_(loop), try_for_(try_for) {
  open_outlets();
  try {
    monitor_.emplace(keeper_.common().interface);
    look_at_ = now();  // it was not heard what happened before
  } catch (const Error& e) {
    log(Level::warning, "{}; what others remove will not be put back", e.what());
  }
  if (!files_.listeners.empty()) {
    carrier_congestion_ = congestion_control(files_.listeners.front().get());
  }
}

KeeperLoop::~KeeperLoop() {
  set_event_listener({});
  end_engine();
}

plan::action::Finish KeeperLoop::run() {
  if (try_for_.count() > 0) {
    try_until_ = now() + try_for_;
    log(Level::notice, "a trial of {} s: \"vpnd confirm {}\", or Enter here, makes it stay",
        try_for_.count(), keeper_.common().interface);
  }
  keep_what_is_open();
  start_engine();
  while (!finish_) {
    wait();
    tell_running();
  }
  end_engine();
  if (stands_) return *finish_;
  Signals::let_through();
  revert();
  return *finish_;
}

void KeeperLoop::tell_running() {
  const bool runs = keeper_.is_server() ? keeper_.engine_ready() : keeper_.was_up();
  if (runs && running_) std::exchange(running_, {})(keeper_.common().interface);
}

// ---- the engine's process

void KeeperLoop::start_engine() {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0) {
    throw Error("make a socket pair", errno, {}, Exit::os);
  }
  Fd ours(pair[0]), theirs(pair[1]);
  Fd peers;
  if (keeper_.is_server()) {
    peers_stamp_ = stamp_of(keeper_.common().key + ".peers");
    peers = open_peers_file(keeper_.common().key);
  }
  EngineStart start;
  start.config = &keeper_.config();
  start.endpoints = &keeper_.endpoints();
  start.key = files_.key.get();
  start.peers = peers.get();
  start.lease_secret = files_.lease_secret.get();
  start.instance = files_.instance;
  start.cookie = keeper_.cookie();
  start.was_up = keeper_.was_up();
  start.has_v6 = files_.has_v6;
  if (const auto* tunnel = keeper_.tunnel()) start.kinds = tunnel->kinds();
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) throw Error("start the engine", errno, {}, Exit::os);
  if (child == 0) {
    ours.release();  // closed with everything else that is not the engine's
    start.socket = std::move(theirs);
    _exit(run_engine(std::move(start), parent, loop_));
  }
  engine_ = child;
  socket_ = std::move(ours);
  report_by_ = kNever;
  keeper_.engine_started(now());
}

void KeeperLoop::end_engine() noexcept {
  socket_.reset();
  if (engine_ <= 0) return;
  kill(engine_, SIGKILL);
  while (waitpid(engine_, nullptr, 0) < 0 && errno == EINTR) {
  }
  engine_ = -1;
}

void KeeperLoop::reap() {
  if (engine_ <= 0) return;
  int status = 0;
  if (waitpid(engine_, &status, WNOHANG) != engine_) return;
  if (WIFSIGNALED(status)) log(Level::error, "the engine: {}", strsignal(WTERMSIG(status)));
  engine_ = -1;
  if (socket_) from_engine();  // its last words
  socket_.reset();
  if (!finish_) perform(keeper_.engine_lost(now()));
}

void KeeperLoop::tell(const plan::ToEngine& message, int fd) {
  if (!socket_) return;
  const plan::Message bytes = plan::encode(message);
  try {
    send_message(socket_.get(), bytes.data(), bytes.size(), &fd, fd >= 0 ? 1 : 0);
  } catch (const Error& e) {
    // A dead engine is seen by its SIGCHLD; one that does not read is as good as dead.
    if (e.errnum() == EAGAIN && engine_ > 0) kill(engine_, SIGKILL);
  }
}

void KeeperLoop::from_engine() {
  ByteArray<plan::kMaxMessage> room;
  for (int i = 0; i < kMessagesATurn && socket_ && !finish_; ++i) {
    std::optional<Received> got;
    try {
      got = receive_message(socket_.get(), room.data(), room.size());
    } catch (const Error&) {
      got = Received{};
    }
    if (!got) return;
    if (got->size == 0) return socket_.reset();
    const bool whole = got->size <= room.size() && got->fds.empty();
    const auto message =
        whole ? plan::decode_to_keeper(Bytes(room).first(got->size)) : std::nullopt;
    if (!message) return perform(plan::Actions{plan::action::KillEngine{"it spoke nonsense"}});
    perform(keeper_.from_engine(*message, now()));
  }
}

// ---- actions

void KeeperLoop::perform(plan::Actions actions) {
  for (const plan::Action& action : actions) {
    std::visit([this](const auto& a) { perform(a); }, action);
  }
}

void KeeperLoop::perform(const plan::action::SendListeners&) {
  for (const Fd& fd : files_.listeners) tell(plan::to_engine::Listener{}, fd.get());
}

void KeeperLoop::perform(const plan::action::SendStop&) {
  tell(plan::to_engine::Stop{});
}

void KeeperLoop::perform(const plan::action::SendNetworkChanged&) {
  tell(plan::to_engine::NetworkChanged{});
}

void KeeperLoop::perform(const plan::action::Dial& dial) {
  try {
    const Fd fd = dialling_socket(dial.to, keeper_.common().fwmark);
    if (carrier_congestion_.empty()) carrier_congestion_ = congestion_control(fd.get());
    tell(plan::to_engine::Dialled{dial.conn, 0}, fd.get());
  } catch (const Error& e) {
    log(Level::debug, "{}", e.what());
    const int errnum = e.errnum() > 0 ? e.errnum() : EIO;
    tell(plan::to_engine::Dialled{dial.conn, static_cast<std::uint32_t>(errnum)});
  }
}

void KeeperLoop::perform(const plan::action::Refuse& refuse) {
  tell(plan::to_engine::Dialled{refuse.conn, refuse.errnum});
}

void KeeperLoop::perform(const plan::action::DialResolver& a) {
  plan::to_engine::Resolver answer{a.asked.round, a.asked.resolver, 0};
  try {
    const Fd fd = asking_socket({a.to, wire::kDnsPort}, keeper_.common().fwmark);
    tell(answer, fd.get());
  } catch (const Error& e) {
    log(Level::debug, "{}", e.what());
    answer.errnum = static_cast<std::uint32_t>(e.errnum() > 0 ? e.errnum() : EIO);
    tell(answer);
  }
}

void KeeperLoop::perform(const plan::action::RefuseResolver& a) {
  tell(plan::to_engine::Resolver{a.asked.round, a.asked.resolver, a.errnum});
}

void KeeperLoop::perform(const plan::action::KillEngine& a) {
  log(Level::error, "the engine is ended: {}", a.why);
  end_engine();
  perform(keeper_.engine_lost(now()));
}

void KeeperLoop::perform(const plan::action::StartEngine& a) {
  start_at_ = a.at;
}

void KeeperLoop::perform(const plan::action::Finish& a) {
  if (finish_) return;
  finish_ = a;
  if (!tried_in_vain_) return;
  finish_ = plan::action::Finish{
      Exit::temporary,
      fmt::format("not confirmed within {} s: everything was taken back", try_for_.count()),
      "start it again, and confirm with Enter or \"vpnd confirm\" in time"};
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
  files_.service.stopping("stopping");
  perform(keeper_.stop(now()));
}

// In the background a read would stop us instead.
void KeeperLoop::read_terminal() {
  if (tcgetpgrp(STDIN_FILENO) != getpgrp()) return;
  ByteArray<256> line;
  const auto n = read(STDIN_FILENO, line.data(), line.size());
  if (n > 0 && std::find(line.begin(), line.begin() + n, '\n') != line.begin() + n) confirm();
}

// ---- waiting

void KeeperLoop::wait() {
  const bool ask = try_until_ != kNever && isatty(STDIN_FILENO) == 1;
  std::vector<pollfd> fds{
      {signals_.fd(), POLLIN, 0}, {socket_.get(), POLLIN, 0}, {ask ? STDIN_FILENO : -1, POLLIN, 0}};
  if (monitor_) monitor_->watch(fds);
  watch_outlets(fds);
  const Duration left = std::clamp<Duration>(next_deadline() - now(), Duration{}, 1h);
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  if (poll(fds.data(), fds.size(), static_cast<int>(ms)) < 0 && errno != EINTR) {
    throw Error("wait", errno, {}, Exit::os);
  }
  signals();
  if (fds[1].revents != 0) from_engine();
  if (fds[2].revents != 0) read_terminal();
  if (monitor_) listen_to_kernel(now());
  timers(now());
  serve_status(now());
  tell_manager(now());
}

TimePoint KeeperLoop::next_deadline() const noexcept {
  TimePoint next = std::min({start_at_, stop_by_, report_by_, try_until_, look_at_, networks_at_});
  next = std::min({next, keeper_.next_look(), next_beat()});
  if (keeper_.is_server()) next = std::min(next, look_at_peers_);
  return std::min(next, outlets_due());
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

void KeeperLoop::listen_to_kernel(TimePoint at) {
  Hints hints = monitor_->read();
  if (removed_by_.empty()) removed_by_ = std::move(hints.by);
  if (hints.ours) look_at_ = std::min(look_at_, at + kGather);
  if (hints.networks) {
    networks_at_ = std::min(networks_at_, std::max(at + kSettle, networks_not_before_));
  }
}

void KeeperLoop::heal(TimePoint at) {
  if (at >= std::min(look_at_, keeper_.next_look())) {
    look_at_ = kNever;
    perform(keeper_.look(at, std::exchange(removed_by_, {})));
  }
  if (at >= networks_at_) {
    networks_at_ = kNever;
    const TimePoint begin = now();
    perform(keeper_.networks_changed(at));
    // Where looking takes long, because there are so many routes, it is done less often.
    const TimePoint end = now();
    networks_not_before_ = end + 10 * (end - begin);
  }
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

}  // namespace vpnd::nl
