// SPDX-License-Identifier: ISC
// What the service manager hears of a running tunnel.
//
// Ready is a server that listens, and a client whose wall and device stand: from then on nothing
// leaves past the tunnel, and what is started after it may rely on that. It does not wait for a
// session, for at boot there may be no network for hours, and who gives up waiting would end the
// very process that holds the wall. Who needs the session waits for that ("vpnd wait").
//
// That we work is said when the engine has answered a question that this loop has asked, so that
// neither of them can hang without being missed.

#include "linux/keeper_loop.h"

#include <algorithm>

#include "linux/kept.h"

namespace vpnd::nl {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLineEvery = 30s, kLineSoon = 1s;  // no older is the round-trip time in it

}  // namespace

TimePoint KeeperLoop::next_beat() const noexcept {
  return files_.service.listens() && keeper_.engine_ready() ? beat_at_ : kNever;
}

// Duplicates of all that outlives a restart. Connections are not among it: with one would go the
// keys of its session, out of the engine and into a process that lives as long as the machine, and
// whoever came by them later could read what had been recorded before. A handshake instead costs
// one round trip, and what is sent meanwhile waits in the device and in the listener's queue.
void KeeperLoop::keep_what_is_open() {
  ServiceManager& manager = files_.service;
  if (!manager.listens()) return;
  manager.store(kKeptTables, files_.tables);
  manager.forget(kKeptListener);
  for (const Fd& fd : files_.listeners) {
    if (!files_.listeners_given) manager.store(kKeptListener, fd.get());
  }
  if (!keeper_.is_server()) manager.store(kKeptSession, files_.session.get());
}

// To a new engine, or because it is another one than before.
void KeeperLoop::perform(const plan::action::SendTun&) {
  const host::Tunnel* tunnel = keeper_.tunnel();
  if (tunnel == nullptr) return;
  // One queue is enough to keep the device with all that hangs on it; while nobody reads, packets
  // wait in that one alone, and the next process adds the others.
  files_.service.forget(kKeptTunnel);
  files_.service.store(kKeptTunnel, tunnel->descriptor());
  std::uint32_t queue = 0;
  for (const int fd : tunnel->descriptors()) {
    tell(plan::to_engine::Tun{tunnel->kinds(), queue++}, fd);
  }
}

void KeeperLoop::keep_session() {
  auto session = keeper_.kept_session();
  if (session == kept_session_) return;
  write_session(files_.session, session);
  kept_session_ = std::move(session);
}

// The engine is not asked to take leave of its peers: that takes as long as the slowest of them,
// and each tries again at once when its connection breaks.
void KeeperLoop::leave_standing() {
  stands_ = true;
  files_.service.stopping("stopping for another start; the wall stays");
  if (!finish_) finish_ = plan::action::Finish{};
}

void KeeperLoop::revert() {
  for (const auto name : {kKeptTunnel, kKeptTables, kKeptListener, kKeptSession}) {
    files_.service.forget(name);
  }
  keeper_.revert();
}

void KeeperLoop::tell_manager(TimePoint at) {
  ServiceManager& manager = files_.service;
  if (!manager.listens() || finish_ || keeper_.stopping()) return;
  keep_session();
  const bool ready = keeper_.engine_ready();
  const bool another = ready && !std::exchange(was_ready_, ready);
  if (ready && (another || at >= beat_at_)) {
    const Duration patience = manager.watchdog();
    beat_at_ = at + (patience > Duration{} ? std::min(patience, kLineEvery) : kLineEvery);
    beat_wanted_ = keeper_.reports() + 1;
    tell(plan::to_engine::ReportPlease{});
  }
  was_ready_ = ready;
  if (beat_wanted_ != 0 && keeper_.reports() >= beat_wanted_) {
    beat_wanted_ = 0;
    if (manager.watchdog() > Duration{}) manager.tick();
  }
  std::string line = keeper_.summary();
  if (ready && !told_ready_) {
    told_ready_ = manager.ready(line);
  } else if (line != told_) {
    manager.status(line);
    // Of a new session the next report tells more.
    if (line.substr(0, line.find(',')) != told_.substr(0, told_.find(',')) &&
        !keeper_.is_server()) {
      beat_at_ = std::min(beat_at_, at + kLineSoon);
    }
  } else {
    return;
  }
  told_ = std::move(line);
}

}  // namespace vpnd::nl
