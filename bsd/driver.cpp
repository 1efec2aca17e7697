// SPDX-License-Identifier: ISC
#include "bsd/driver.h"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "bsd/clocks.h"
#include "bsd/native.h"
#include "bsd/socket.h"
#include "bsd/tcp_options.h"
#include "bsd/tun_frame.h"
#include "core/base/error.h"
#include "core/base/log.h"

namespace vpnd::bsd {
namespace {

using namespace std::chrono_literals;

// Of the device, before what was read is sent: it keeps order, so nothing could go first anyway.
constexpr int kTunReads = 128;
constexpr int kAccepts = 256;  // a turn
constexpr Duration kPause = 100ms, kLongestWait = 1h;

// The device's four bytes go where the engine writes its own header of the packet afterwards.
static_assert(kFrameHeader <= wire::kEntryHeader);

bool out_of_descriptors(int errnum) noexcept {
  return errnum == EMFILE || errnum == ENFILE || errnum == ENOBUFS || errnum == ENOMEM;
}

}  // namespace

Driver::Driver(engine::Engine& engine, KeeperLink& link, Kqueue& queue, std::string key_name,
               pid_t keeper)
    : engine_(engine),
      link_(link),
      queue_(queue),
      key_name_(std::move(key_name)),
      now_(read_clocks()) {
  // By its closed socket its end is seen as well, where sockets of that kind tell it.
  if (keeper > 0) (void)queue_.watch_process(keeper, tag(What::keeper_process));
}

void Driver::run() {
  for (;;) {
    now_ = read_clocks();
    turn();
    watch_all();
    if (finished()) return;
    const auto events = queue_.wait(until_next());
    now_ = read_clocks();
    for (const Happened& h : events) happened(h);
  }
}

void Driver::turn() {
  timers();
  (void)effects();
  do {
    send_ready();
  } while (effects());  // a send that fails, or frees room, may bring the next
  bury();
}

void Driver::happened(const Happened& h) {
  const std::uintptr_t which = h.tag / 8;
  switch (static_cast<What>(h.tag % 8)) {
    case What::keeper:
      if (h.readable) keeper_ready();
      return;  // what waits for it is sent by watch_all()
    case What::keeper_process:
      finished_ = true;
      return;
    case What::tun:
      return read_tun();
    case What::listener:
      return accept_from(which);
    case What::resolver:
      return resolver_ready(which);
    case What::carrier:
      break;
  }
  const auto at = carriers_.find(h.tag);
  if (at != carriers_.end()) happened(*at->second, h);
}

// ---- what is watched

void Driver::watch(Watched& w, Interest wanted, std::uintptr_t tag) {
  if (!w.fd) return;
  const int why = queue_.watch(w.fd.get(), w.interest, wanted, tag);
  if (why != 0) throw Error("watch a descriptor", why, {}, Exit::os);
}

void Driver::unwatch(Watched& w) noexcept {
  if (w.fd) (void)queue_.watch(w.fd.get(), w.interest, {}, 0);
  w.fd.reset();
}

void Driver::watch_all() {
  if (!tun_slot_) tun_slot_ = engine_.slot();
  watch(tun_, {tun_slot_ && now_.mono >= tun_again_, false}, tag(What::tun));
  const bool waits = link_.flush();
  if (link_.gone()) return;
  const int why = queue_.watch(link_.fd(), keeper_interest_, {true, waits}, tag(What::keeper));
  if (why != 0) throw Error("watch the keeper", why, {}, Exit::os);
  for (std::size_t i = 0; i < listeners_.size(); ++i) {
    watch(listeners_[i], {accepting(), false}, tag(What::listener, i));
  }
  for (std::size_t i = 0; i < resolvers_.size(); ++i) {
    watch(resolvers_[i], {true, false}, tag(What::resolver, i));
  }
}

void Driver::timers() {
  if (now_.mono >= engine_.next_wake()) engine_.wake(now_);
  while (!drains_.empty() && drains_.front().until <= now_.mono) {
    const auto at = carriers_.find(drains_.front().carrier);
    drains_.pop_front();
    if (at != carriers_.end()) end(*at->second, 0);
  }
  if (!stopping_ || finished_) return;
  if (carriers_.size() > ended_.size() && now_.mono < stop_by_) return;
  finished_ = true;
  link_.send(plan::to_keeper::Stopped{});
}

Duration Driver::until_next() noexcept {
  TimePoint next = std::min(engine_.next_wake(), stop_by_);
  if (!drains_.empty()) next = std::min(next, drains_.front().until);
  for (const TimePoint pause : {accept_again_, tun_again_}) {
    if (pause > now_.mono) next = std::min(next, pause);
  }
  if (next == kNever) return kLongestWait;
  return std::clamp<Duration>(next - read_clocks().mono, Duration{}, kLongestWait);
}

// ---- the device

void Driver::read_tun() noexcept {
  for (int i = 0; i < kTunReads && tun_.fd; ++i) {
    if (!tun_slot_) tun_slot_ = engine_.slot();
    if (!tun_slot_) return;
    const MutBytes packet = tun_slot_.packet_room();
    const MutBytes room(packet.data() - kFrameHeader, packet.size() + kFrameHeader);
    const auto n = ::read(tun_.fd.get(), room.data(), room.size());
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
      // An interface that is down, or not yet up, says so at every read.
      tun_again_ = now_.mono + kPause;
      if (std::exchange(tun_failed_, true)) return;
      return log(Level::warning, "the tunnel device cannot be read now (errno {})",
                 n < 0 ? errno : 0);
    }
    tun_failed_ = false;
    const auto got = packet_of(native(), room.first(static_cast<std::size_t>(n)));
    if (got) (void)engine_.from_tun(tun_slot_, wire::VnetHeader{}, got->size(), now_);
  }
}

// A device of these systems takes neither several segments at once nor a checksum that is not
// complete; the engine was told so, and who sends them to it is refused there.
void Driver::write_tun() noexcept {
  for (const engine::TunPacket& p : batch_.packets()) {
    std::uint8_t header[kFrameHeader];
    const bool plain = p.pieces == 0 && p.vnet.flags == 0 && p.vnet.gso_type == 0;
    const bool known = plain && put_frame_header(native(), header, p.packet);
    iovec parts[2] = {{header, sizeof header}, {p.packet.data(), p.packet.size()}};
    if (!known || !tun_.fd || ::writev(tun_.fd.get(), parts, 2) < 0) engine_.count(Drop::tun_write);
  }
  batch_.clear();
}

// ---- listeners

bool Driver::accepting() const noexcept {
  return !stopping_ && now_.mono >= accept_again_;
}

void Driver::accept_from(std::size_t listener) {
  for (int i = 0; i < kAccepts && listener < listeners_.size(); ++i) {
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    Fd fd(::accept(listeners_[listener].fd.get(), reinterpret_cast<sockaddr*>(&from), &size));
    if (!fd) {
      if (errno == ECONNABORTED || errno == EINTR) continue;
      if (out_of_descriptors(errno)) accept_again_ = now_.mono + kPause;
      return;
    }
    if (!prepare(fd)) continue;
    set_stream_options(fd.get());  // not every system passes them on from the listener
    const auto conn = engine_.accepted(from_sockaddr(from), now_);
    if (conn) add(std::move(fd), *conn, Carrier::Stage::open);
  }
}

}  // namespace vpnd::bsd
