// SPDX-License-Identifier: ISC
#include "linux/driver.h"

#include <netinet/in.h>
#include <time.h>

#include <algorithm>
#include <cerrno>

#include "core/base/log.h"
#include "linux/engine_room.h"
#include "linux/socket.h"

namespace vpnd::nl {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kTunBytes = 2 * 1024 * 1024;
constexpr int kAccepts = 256;  // a turn
constexpr Duration kAcceptPause = 100ms, kLongestWait = 1h;

Duration read_clock(clockid_t clock) noexcept {
  timespec t{};
  clock_gettime(clock, &t);
  return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
}

bool out_of_descriptors(int errnum) noexcept {
  return errnum == EMFILE || errnum == ENFILE || errnum == ENOBUFS || errnum == ENOMEM;
}

}  // namespace

Now read_clocks() noexcept {
  const auto wall =
      std::chrono::duration_cast<std::chrono::milliseconds>(read_clock(CLOCK_REALTIME));
  return {TimePoint(read_clock(CLOCK_BOOTTIME)), static_cast<WallMs>(wall.count())};
}

Driver::Driver(engine::Engine& engine, KeeperLink* link, Crew& crew, std::uint32_t worker,
               std::string key_name)
    : engine_(engine),
      link_(link),
      crew_(crew),
      worker_(worker),
      key_name_(std::move(key_name)),
      now_(read_clocks()) {}

// ---- TUN

std::span<const iovec> Driver::tun_room() noexcept {
  if (!tun_) return {};
  if (!tun_slot_) tun_slot_ = engine_.slot();
  if (!tun_slot_) return {};
  const MutBytes room = tun_slot_.packet_room();
  tun_iov_ = {iovec{&tun_vnet_, sizeof tun_vnet_}, iovec{room.data(), room.size()}};
  return tun_iov_;
}

void Driver::tun_read(ssize_t result) noexcept {
  drain_tun(result);
  ring_for_packets();
}

void Driver::drain_tun(ssize_t result) noexcept {
  std::size_t bytes = 0;
  const int most = tun_reads();
  for (int reads = 0; result > 0; ++reads) {
    bytes += static_cast<std::size_t>(result);
    tun_take(static_cast<std::size_t>(result));
    if (reads == most || bytes >= kTunBytes || tun_room().empty()) return;
    result = readv(tun_.get(), tun_iov_.data(), static_cast<int>(tun_iov_.size()));
    if (result < 0) result = -errno;
  }
  // Anything else means that the device is gone; reading again would spin.
  if (result == -EAGAIN || result == -EINTR || result == -ECANCELED) return;
  log(Level::error, "the tunnel device cannot be read any more (errno {})", -result);
  tun_.reset();
}

bool Driver::tun_take(std::size_t size) noexcept {
  if (size <= sizeof tun_vnet_) return false;
  // It may answer a packet that another worker wrote after it had told us whose it is.
  if (crew_.rung(worker_)) mail_ready();
  return engine_.from_tun(tun_slot_, tun_vnet_, size - sizeof tun_vnet_, now_) == Drop::none;
}

void Driver::write_tun() noexcept {
  for (const engine::TunPacket& p : batch_.packets()) {
    wire::VnetHeader vnet = p.vnet;
    std::array<iovec, 2 + engine::TunBatch::kMostPieces> iov;
    iov[0] = {&vnet, sizeof vnet};
    iov[1] = {p.packet.data(), p.packet.size()};
    int count = 2;
    for (std::uint32_t at = p.more; count < static_cast<int>(2 + p.pieces); ++count) {
      const engine::TunBatch::Piece& piece = batch_.piece(at);
      iov[static_cast<std::size_t>(count)] = {piece.payload.data(), piece.payload.size()};
      at = piece.next;
    }
    if (!tun_ || writev(tun_.get(), iov.data(), count) < 0) engine_.count(Drop::tun_write);
  }
  batch_.clear();
}

// ---- accepting

bool Driver::accepting() noexcept {
  return !stopping_ && now_.mono >= accept_again_;
}

void Driver::accept_ready(std::size_t listener) {
  for (int i = 0; i < kAccepts && listener < listeners_.size(); ++i) {
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    Fd fd(accept4(listeners_[listener].get(), reinterpret_cast<sockaddr*>(&from), &size,
                  SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) {
      if (out_of_descriptors(errno)) accept_again_ = now_.mono + kAcceptPause;
      if (errno == ECONNABORTED || errno == EINTR) continue;
      return;
    }
    if (const auto id = engine_.accepted(from_sockaddr(from), now_)) {
      touch(carriers_.add(std::move(fd), *id, Carrier::Stage::open));
    }
  }
}

// ---- the loop

void Driver::woke() noexcept {
  now_ = read_clocks();
}

void Driver::turn() {
  woke();
  timers();
  effects();
  while (const auto conn = engine_.next_ready()) {
    Carrier* c = carriers_.find(*conn);
    if (c != nullptr && load(*c)) touch(*c);  // each is named once: go on to the next
  }
  effects();
}

void Driver::timers() {
  if (now_.mono >= engine_.next_wake()) engine_.wake(now_);
  while (!drains_.empty() && drains_.front().until <= now_.mono) {
    const Drain d = drains_.front();
    drains_.pop_front();
    Carrier* c = carriers_.at(d.slot);
    if (c != nullptr && c->conn == d.conn && c->stage != Carrier::Stage::closing) close(*c);
  }
  if (stopping_ && !finished_) {
    bool busy = false;
    carriers_.each(
        [&busy](const Carrier& c) { busy = busy || c.stage != Carrier::Stage::closing; });
    // Those that have sessions take their leave themselves.
    busy = busy || (worker_ == 0 && workers_ended_ + 1 < crew_.size());
    if (!busy || now_.mono >= stop_by_) {
      finished_ = true;
      if (link_ != nullptr) link_->send(plan::to_keeper::Stopped{});
    }
  }
}

Duration Driver::until_next() noexcept {
  TimePoint next = std::min(engine_.next_wake(), stop_by_);
  if (!drains_.empty()) next = std::min(next, drains_.front().until);
  if (accept_again_ > now_.mono) next = std::min(next, accept_again_);
  if (next == kNever) return kLongestWait;
  const TimePoint now(read_clock(CLOCK_BOOTTIME));
  return std::clamp<Duration>(next - now, Duration{}, kLongestWait);
}

void Driver::touch(Carrier& c) {
  if (c.touched) return;
  c.touched = true;
  touched_.push_back(c.slot);
}

std::span<const std::uint32_t> Driver::take_touched() {
  touched_out_.swap(touched_);
  touched_.clear();
  for (const std::uint32_t slot : touched_out_) {
    if (Carrier* c = carriers_.at(slot)) c->touched = false;
  }
  return touched_out_;
}

}  // namespace vpnd::nl
