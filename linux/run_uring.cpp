// SPDX-License-Identifier: ISC
#include "linux/run_uring.h"

#include <poll.h>

#include <cerrno>

#include "core/base/error.h"

namespace vpnd::nl {
namespace {

// What a completion belongs to: the upper half of its user data; the lower half is a carrier's
// slot or a listener's number. A slot is not given away while something of it is in flight.
enum class What : std::uint32_t {
  ignored,
  tun,
  keeper,
  keeper_write,
  mail,
  listener,
  resolver,
  poll,
  recv,
  send
};
constexpr std::uint8_t kReading = 1, kSending = 2;
constexpr int kMostWaits = 100;
constexpr Duration kPatience = std::chrono::milliseconds(10);

std::uint64_t tag(What what, std::uint32_t which = 0) noexcept {
  return std::uint64_t{static_cast<std::uint32_t>(what)} << 32 | which;
}

class UringLoop {
 public:
  UringLoop(Ring& ring, Driver& driver) noexcept : ring_(ring), driver_(driver) {}
  void run();

 private:
  void let_go();
  void arm();
  void arm(Carrier&);
  void poll(int fd, unsigned events, std::uint64_t data) noexcept;
  void watch(int fd, bool& armed, std::uint64_t data) noexcept;
  void complete(std::uint64_t data, int result);
  void complete_carrier(What, std::uint32_t slot, int result);
  void cancel(std::uint64_t data) noexcept;

  Ring& ring_;
  Driver& driver_;
  int tun_fd_ = -1;
  bool tun_armed_ = false, tun_cancelled_ = false;
  bool keeper_armed_ = false, keeper_write_armed_ = false, mail_armed_ = false;
  std::vector<bool> listener_armed_;
  std::array<bool, engine::kMostResolvers> resolver_armed_{};
};

void UringLoop::run() {
  while (true) {
    driver_.turn();
    for (const std::uint32_t slot : driver_.take_touched()) {
      if (Carrier* c = driver_.carrier(slot)) arm(*c);
    }
    arm();
    if (driver_.finished()) return let_go();
    if (!ring_.wait(driver_.until_next())) throw Error("wait for io_uring", errno);
    driver_.woke();
    ring_.completions([this](std::uint64_t data, int result) { complete(data, result); });
  }
}

// A ring that is closed gives up the files in its operations later, by a thread of the kernel; but
// the device is to be gone with us.
void UringLoop::let_go() {
  if (tun_armed_) cancel(tag(What::tun));
  for (int i = 0; tun_armed_ && i < kMostWaits && ring_.wait(kPatience); ++i) {
    ring_.completions([this](std::uint64_t data, int) {
      if (data == tag(What::tun)) tun_armed_ = false;
    });
  }
}

void UringLoop::poll(int fd, unsigned events, std::uint64_t data) noexcept {
  io_uring_sqe& e = ring_.sqe();
  io_uring_prep_poll_add(&e, fd, events);
  io_uring_sqe_set_data64(&e, data);
}

void UringLoop::watch(int fd, bool& armed, std::uint64_t data) noexcept {
  if (armed || fd < 0) return;
  poll(fd, POLLIN, data);
  armed = true;
}

void UringLoop::cancel(std::uint64_t data) noexcept {
  io_uring_sqe& e = ring_.sqe();
  io_uring_prep_cancel64(&e, data, 0);
  io_uring_sqe_set_data64(&e, tag(What::ignored));
}

void UringLoop::arm() {
  // The keeper has made the device anew; a read of the old one may never end by itself.
  if (tun_armed_ && tun_fd_ != driver_.tun_fd() && !std::exchange(tun_cancelled_, true)) {
    cancel(tag(What::tun));
  }
  if (!tun_armed_) {
    if (const auto room = driver_.tun_room(); !room.empty()) {
      io_uring_sqe& e = ring_.sqe();
      io_uring_prep_readv(&e, driver_.tun_fd(), room.data(), static_cast<unsigned>(room.size()), 0);
      io_uring_sqe_set_data64(&e, tag(What::tun));
      tun_armed_ = true;
      tun_cancelled_ = false;
      tun_fd_ = driver_.tun_fd();
    }
  }
  watch(driver_.keeper_fd(), keeper_armed_, tag(What::keeper));
  watch(driver_.mail_fd(), mail_armed_, tag(What::mail));
  if (!keeper_write_armed_ && driver_.keeper_wants_write()) {
    poll(driver_.keeper_fd(), POLLOUT, tag(What::keeper_write));
    keeper_write_armed_ = true;
  }
  const auto listeners = driver_.listeners();
  if (listener_armed_.size() < listeners.size()) listener_armed_.resize(listeners.size());
  for (std::size_t i = 0; i < listeners.size() && driver_.accepting(); ++i) {
    if (listener_armed_[i]) continue;
    poll(listeners[i].get(), POLLIN, tag(What::listener, static_cast<std::uint32_t>(i)));
    listener_armed_[i] = true;
  }
  const auto resolvers = driver_.resolvers();
  for (std::size_t i = 0; i < resolvers.size(); ++i) {
    if (resolver_armed_[i] || !resolvers[i]) continue;
    poll(resolvers[i].get(), POLLIN, tag(What::resolver, static_cast<std::uint32_t>(i)));
    resolver_armed_[i] = true;
  }
}

void UringLoop::arm(Carrier& c) {
  using Stage = Carrier::Stage;
  if (c.stage == Stage::closing) {
    if (c.in_flight == 0) return driver_.dispose(c);
    if (std::exchange(c.cancelled, true)) return;
    for (const What what : {What::poll, What::recv, What::send}) cancel(tag(what, c.slot));
    return;
  }
  if (c.stage == Stage::moving && c.in_flight == 0 && !c.sending) return driver_.move(c);
  const int fd = c.fd.get();
  if ((c.in_flight & kReading) == 0 && (c.reads() || c.stage == Stage::connecting)) {
    if (c.read_on) {
      const MutBytes room = driver_.receive_room(c);
      io_uring_sqe& e = ring_.sqe();
      io_uring_prep_recv(&e, fd, room.data(), room.size(), 0);
      io_uring_sqe_set_data64(&e, tag(What::recv, c.slot));
    } else {
      poll(fd, c.stage == Stage::connecting ? POLLOUT : POLLIN, tag(What::poll, c.slot));
    }
    c.in_flight |= kReading;
  }
  if (c.sending && (c.in_flight & kSending) == 0) {
    io_uring_sqe& e = ring_.sqe();
    io_uring_prep_sendmsg(&e, fd, &c.sending->header, MSG_NOSIGNAL);
    io_uring_sqe_set_data64(&e, tag(What::send, c.slot));
    c.in_flight |= kSending;
  }
}

void UringLoop::complete(std::uint64_t data, int result) {
  const auto which = static_cast<std::uint32_t>(data);
  const auto what = static_cast<What>(data >> 32);
  switch (what) {
    case What::ignored:
      return;
    case What::tun:
      tun_armed_ = false;
      // What a device that was replaced still said concerns nobody.
      if (tun_fd_ == driver_.tun_fd()) driver_.tun_read(result);
      return;
    case What::keeper:
      keeper_armed_ = false;
      return driver_.keeper_ready();
    case What::keeper_write:
      keeper_write_armed_ = false;
      return;
    case What::mail:
      mail_armed_ = false;
      return driver_.mail_ready();
    case What::listener:
      listener_armed_[which] = false;
      return driver_.accept_ready(which);
    case What::resolver:
      resolver_armed_[which] = false;
      return driver_.resolver_ready(which);
    case What::poll:
    case What::recv:
    case What::send:
      return complete_carrier(what, which, result);
  }
}

void UringLoop::complete_carrier(What what, std::uint32_t slot, int result) {
  Carrier* c = driver_.carrier(slot);
  if (c == nullptr) return;
  const std::uint8_t done = what == What::send ? kSending : kReading;
  c->in_flight = static_cast<std::uint8_t>(c->in_flight & ~done);
  if (what == What::send) return driver_.sent(*c, result);
  if (what == What::recv) return driver_.received(*c, result);
  if (c->stage == Carrier::Stage::closing) return arm(*c);
  driver_.readable(*c);
}

}  // namespace

void run_uring(Ring& ring, Driver& driver) {
  UringLoop(ring, driver).run();
}

}  // namespace vpnd::nl
