// SPDX-License-Identifier: ISC
// The engine's process as its keeper sees it, and what the keeper decided that is to be done.
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "bsd/channel.h"
#include "bsd/clocks.h"
#include "bsd/engine_process.h"
#include "bsd/keeper_loop.h"
#include "bsd/socket.h"
#include "bsd/tcp_options.h"
#include "core/base/log.h"

namespace vpnd::bsd {
namespace {

constexpr int kMessagesATurn = 256;

std::uint32_t errnum_of(const Error& e) noexcept {
  return static_cast<std::uint32_t>(e.errnum() > 0 ? e.errnum() : EIO);
}

}  // namespace

void KeeperLoop::start_engine() {
  ChannelPair pair = make_channel();
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
  const pid_t keeper = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) throw Error("start the engine", errno, {}, Exit::os);
  if (child == 0) {
    pair.keeper.release();  // closed with everything else that is not the engine's
    start.socket = std::move(pair.engine);
    ::_exit(run_engine(std::move(start), keeper));
  }
  engine_ = child;
  socket_ = std::move(pair.keeper);
  report_by_ = kNever;
  keeper_.engine_started(read_clocks().mono);
}

void KeeperLoop::end_engine() noexcept {
  socket_.reset();
  if (engine_ <= 0) return;
  ::kill(engine_, SIGKILL);
  while (::waitpid(engine_, nullptr, 0) < 0 && errno == EINTR) {
  }
  engine_ = -1;
}

void KeeperLoop::reap() {
  if (engine_ <= 0) return;
  int status = 0;
  if (::waitpid(engine_, &status, WNOHANG) != engine_) return;
  if (WIFSIGNALED(status)) log(Level::error, "the engine: {}", ::strsignal(WTERMSIG(status)));
  engine_ = -1;
  if (socket_) from_engine();  // its last words
  socket_.reset();
  if (!finish_) perform(keeper_.engine_lost(read_clocks().mono));
}

void KeeperLoop::tell(const plan::ToEngine& message, int fd) {
  if (!socket_) return;
  const int why = send_message(socket_, plan::encode(message), fd);
  // A dead engine is seen by its SIGCHLD; one that does not read is as good as dead.
  if ((why == EAGAIN || why == ENOBUFS) && engine_ > 0) ::kill(engine_, SIGKILL);
}

void KeeperLoop::from_engine() {
  ByteArray<plan::kMaxMessage> room;
  for (int i = 0; i < kMessagesATurn && socket_ && !finish_; ++i) {
    const auto got = receive_message(socket_, room);
    if (!got) return;
    if (got->size == 0) return socket_.reset();
    const bool whole = got->size <= room.size() && !got->descriptor;
    const auto message =
        whole ? plan::decode_to_keeper(Bytes(room).first(got->size)) : std::nullopt;
    if (!message) return perform(plan::Actions{plan::action::KillEngine{"it spoke nonsense"}});
    perform(keeper_.from_engine(*message, read_clocks().mono));
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

void KeeperLoop::perform(const plan::action::SendTun&) {
  const host::Tunnel* tunnel = keeper_.tunnel();
  if (tunnel != nullptr) tell(plan::to_engine::Tun{tunnel->kinds()}, tunnel->descriptor());
}

void KeeperLoop::perform(const plan::action::SendStop&) {
  tell(plan::to_engine::Stop{});
}

void KeeperLoop::perform(const plan::action::SendNetworkChanged&) {
  tell(plan::to_engine::NetworkChanged{});
}

void KeeperLoop::perform(const plan::action::SendSettings& a) {
  tell(a.settings);
}

void KeeperLoop::perform(const plan::action::Dial& dial) {
  plan::to_engine::Dialled answer{dial.conn, 0};
  try {
    const Fd fd = dialling_socket(dial.to);
    if (congestion_.empty()) congestion_ = congestion_control(fd.get());
    tell(answer, fd.get());
  } catch (const Error& e) {
    log(Level::debug, "{}", e.what());
    answer.errnum = errnum_of(e);
    tell(answer);
  }
}

void KeeperLoop::perform(const plan::action::Refuse& refuse) {
  tell(plan::to_engine::Dialled{refuse.conn, refuse.errnum});
}

void KeeperLoop::perform(const plan::action::DialResolver& a) {
  plan::to_engine::Resolver answer{a.asked.round, a.asked.resolver, 0};
  try {
    const Fd fd = asking_socket({a.to, wire::kDnsPort});
    tell(answer, fd.get());
  } catch (const Error& e) {
    log(Level::debug, "{}", e.what());
    answer.errnum = errnum_of(e);
    tell(answer);
  }
}

void KeeperLoop::perform(const plan::action::RefuseResolver& a) {
  tell(plan::to_engine::Resolver{a.asked.round, a.asked.resolver, a.errnum});
}

void KeeperLoop::perform(const plan::action::KillEngine& a) {
  log(Level::error, "the engine is ended: {}", a.why);
  end_engine();
  perform(keeper_.engine_lost(read_clocks().mono));
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

}  // namespace vpnd::bsd
