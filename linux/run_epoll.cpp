// SPDX-License-Identifier: ISC
#include "linux/run_epoll.h"

#include <sys/epoll.h>

#include <array>
#include <cerrno>

#include "core/base/error.h"

namespace vpnd::nl {
namespace {

enum class What : std::uint32_t { tun, keeper, mail, listener, resolver, carrier };

std::uint64_t tag(What what, std::uint32_t which = 0) noexcept {
  return std::uint64_t{static_cast<std::uint32_t>(what)} << 32 | which;
}

class EpollLoop {
 public:
  explicit EpollLoop(Driver& driver) : driver_(driver), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (!epoll_) throw Error("create an epoll instance", errno);
  }
  void run();

 private:
  struct Watched {
    int fd = -1;
    std::uint32_t interest = 0;
  };
  void watch(int fd, std::uint32_t& interest, std::uint32_t wanted, std::uint64_t data);
  void watch(Watched&, int fd, std::uint32_t wanted, std::uint64_t data);
  void watch_all();
  void serve(Carrier&);
  void happened(const epoll_event&);

  Driver& driver_;
  Fd epoll_;
  Watched tun_, keeper_, mail_;
  std::array<Watched, engine::kMostResolvers> resolvers_;
  std::vector<Watched> listeners_;
};

void EpollLoop::run() {
  std::array<epoll_event, 256> events;
  while (true) {
    driver_.turn();
    // A send may free what the next one needs; nothing is left undone before waiting.
    for (auto touched = driver_.take_touched(); !touched.empty();
         touched = driver_.take_touched()) {
      for (const std::uint32_t slot : touched) {
        if (Carrier* c = driver_.carrier(slot)) serve(*c);
      }
      driver_.turn();
    }
    watch_all();
    if (driver_.finished()) return;
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(driver_.until_next()).count();
    const int n = epoll_wait(epoll_.get(), events.data(), events.size(), static_cast<int>(ms));
    if (n < 0 && errno != EINTR) throw Error("wait for epoll", errno);
    driver_.woke();
    for (int i = 0; i < n; ++i) happened(events[static_cast<std::size_t>(i)]);
  }
}

void EpollLoop::watch(int fd, std::uint32_t& interest, std::uint32_t wanted, std::uint64_t data) {
  if (interest == wanted) return;
  epoll_event e{};
  e.events = wanted;
  e.data.u64 = data;
  // Without interest there is no entry: EPOLLHUP and EPOLLERR cannot be masked otherwise.
  const int op = interest == 0 ? EPOLL_CTL_ADD : wanted == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
  if (epoll_ctl(epoll_.get(), op, fd, &e) < 0) throw Error("watch a descriptor", errno);
  interest = wanted;
}

void EpollLoop::watch(Watched& w, int fd, std::uint32_t wanted, std::uint64_t data) {
  if (w.fd != fd) w = {fd, 0};  // a closed descriptor has left the set by itself
  if (fd >= 0) watch(fd, w.interest, wanted, data);
}

void EpollLoop::watch_all() {
  watch(tun_, driver_.tun_fd(), driver_.tun_room().empty() ? 0u : EPOLLIN, tag(What::tun));
  const std::uint32_t write = driver_.keeper_wants_write() ? EPOLLOUT : 0u;
  watch(keeper_, driver_.keeper_fd(), EPOLLIN | write, tag(What::keeper));
  watch(mail_, driver_.mail_fd(), EPOLLIN, tag(What::mail));
  const auto listeners = driver_.listeners();
  listeners_.resize(listeners.size());
  const std::uint32_t wanted = driver_.accepting() ? EPOLLIN : 0u;
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    const auto data = tag(What::listener, static_cast<std::uint32_t>(i));
    watch(listeners_[i], listeners[i].get(), wanted, data);
  }
  const auto resolvers = driver_.resolvers();
  for (std::size_t i = 0; i < resolvers_.size(); ++i) {
    const auto data = tag(What::resolver, static_cast<std::uint32_t>(i));
    watch(resolvers_[i], resolvers[i].get(), EPOLLIN, data);
  }
}

void EpollLoop::serve(Carrier& c) {
  using Stage = Carrier::Stage;
  if (c.stage == Stage::closing) return driver_.dispose(c);
  if (c.stage == Stage::moving && !c.sending) {
    watch(c.fd.get(), c.interest, 0, tag(What::carrier, c.slot));
    return driver_.move(c);
  }
  bool blocked = false;
  if (c.sending) {
    const auto n = sendmsg(c.fd.get(), &c.sending->header, MSG_DONTWAIT | MSG_NOSIGNAL);
    blocked = n < 0 && (errno == EAGAIN || errno == EINTR);
    if (!blocked) {
      driver_.sent(c, n < 0 ? -errno : n);
      if (c.touched) return;  // comes again
    }
  }
  std::uint32_t wanted = c.reads() ? EPOLLIN : 0u;
  if (blocked || c.stage == Stage::connecting) wanted |= EPOLLOUT;
  watch(c.fd.get(), c.interest, wanted, tag(What::carrier, c.slot));
}

void EpollLoop::happened(const epoll_event& e) {
  const auto which = static_cast<std::uint32_t>(e.data.u64);
  switch (static_cast<What>(e.data.u64 >> 32)) {
    case What::tun: {
      const auto room = driver_.tun_room();
      if (room.empty()) return;
      const auto n = readv(driver_.tun_fd(), room.data(), static_cast<int>(room.size()));
      return driver_.tun_read(n < 0 ? -errno : n);
    }
    case What::keeper:
      return driver_.keeper_ready();
    case What::mail:
      return driver_.mail_ready();
    case What::listener:
      return driver_.accept_ready(which);
    case What::resolver:
      return driver_.resolver_ready(which);
    case What::carrier:
      break;
  }
  Carrier* c = driver_.carrier(which);
  if (c == nullptr || c->stage == Carrier::Stage::closing) return;
  if ((e.events & ~EPOLLOUT) != 0 || c->stage == Carrier::Stage::connecting) driver_.readable(*c);
  if ((e.events & EPOLLOUT) != 0) driver_.touch(*c);
}

}  // namespace

void run_epoll(Driver& driver) {
  EpollLoop(driver).run();
}

}  // namespace vpnd::nl
