// SPDX-License-Identifier: ISC
#include "tests/daemon/traffic.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <list>
#include <mutex>
#include <vector>

#include "core/base/error.h"
#include "linux/socket.h"
#include "tests/daemon/lab.h"

namespace vpnd::test {
namespace {

// A period that no power of two divides, so that a lost or repeated piece shows.
constexpr std::size_t kPeriod = 65521;
std::uint8_t byte_at(std::uint64_t position) {
  const auto p = static_cast<std::uint32_t>(position % kPeriod);
  return static_cast<std::uint8_t>((p * 2654435761u) >> 13);
}

Fd open_socket(Family family, int type) {
  return Fd(::socket(family == Family::v4 ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0));
}

bool wait_for(int fd, short events, double seconds) {
  pollfd p{fd, events, 0};
  return ::poll(&p, 1, static_cast<int>(seconds * 1000)) == 1;
}

bool send_all(int fd, const std::vector<std::uint8_t>& data) {
  std::size_t done = 0;
  while (done < data.size()) {
    const ssize_t n = ::send(fd, data.data() + done, data.size() - done, MSG_NOSIGNAL);
    if (n <= 0) return false;
    done += static_cast<std::size_t>(n);
  }
  return true;
}

bool expect(int fd, const std::vector<std::uint8_t>& data, double seconds) {
  std::vector<std::uint8_t> got(data.size());
  std::size_t have = 0;
  while (have < got.size()) {
    if (!wait_for(fd, POLLIN, seconds)) return false;
    const ssize_t n = ::recv(fd, got.data() + have, got.size() - have, 0);
    if (n <= 0) return false;
    have += static_cast<std::size_t>(n);
  }
  return got == data;
}

std::vector<std::uint8_t> pattern(std::size_t size) {
  std::vector<std::uint8_t> data(size);
  for (std::size_t i = 0; i < size; ++i) data[i] = byte_at(i * 7 + 3);
  return data;
}

void feed(int fd) {  // the endless stream
  std::vector<std::uint8_t> chunk(kPeriod);
  for (std::size_t i = 0; i < kPeriod; ++i) chunk[i] = byte_at(i);
  while (send_all(fd, chunk)) {
  }
}

void serve(int fd) {
  std::uint8_t buffer[16384];
  for (;;) {
    const ssize_t n = ::recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0) return;
    if (n == 1 && buffer[0] == 'd') return feed(fd);
    if (!send_all(fd, {buffer, buffer + n})) return;
  }
}

}  // namespace

Fd connected_socket(const Namespace& ns, const Address& to, std::uint16_t port, int type) {
  Fd fd;
  ns.run([&] {
    fd = open_socket(to.family(), type);
    sockaddr_storage where{};
    const int size = nl::to_sockaddr({to, port}, where);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&where),
                  static_cast<socklen_t>(size)) != 0) {
      fd.reset();
    }
  });
  return fd;
}

Fd bound_socket(const Namespace& ns, std::uint16_t port, int type) {
  Fd fd;
  ns.run([&] {
    fd = open_socket(Family::v6, type);
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in6 any{};
    any.sin6_family = AF_INET6;
    any.sin6_port = htons(port);
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&any), sizeof any) != 0) {
      throw Error("bind the target's port", errno);
    }
    if (type == SOCK_STREAM && ::listen(fd.get(), 64) != 0) throw Error("listen", errno);
  });
  return fd;
}

struct Responder::Shared {
  Fd tcp, udp;
  std::mutex lock;
  std::string last;
  bool stop = false;
  std::list<int> open;
  std::list<std::thread> threads;
};

Responder::Responder(const Namespace& ns, std::uint16_t port)
    : shared_(std::make_shared<Shared>()) {
  shared_->tcp = bound_socket(ns, port, SOCK_STREAM);
  shared_->udp = bound_socket(ns, port, SOCK_DGRAM);
  tcp_ = std::thread([s = shared_] {
    for (;;) {
      sockaddr_storage who{};
      socklen_t size = sizeof who;
      const int fd = ::accept(s->tcp.get(), reinterpret_cast<sockaddr*>(&who), &size);
      if (fd < 0) return;
      const std::lock_guard guard(s->lock);
      if (s->stop) {
        ::close(fd);
        return;
      }
      s->last = nl::from_sockaddr(who).address.text();
      s->open.push_back(fd);
      s->threads.emplace_back([fd] { serve(fd); });
    }
  });
  udp_ = std::thread([s = shared_] {
    std::vector<std::uint8_t> buffer(65536);
    for (;;) {
      sockaddr_storage who{};
      socklen_t size = sizeof who;
      const ssize_t n = ::recvfrom(s->udp.get(), buffer.data(), buffer.size(), 0,
                                   reinterpret_cast<sockaddr*>(&who), &size);
      if (n < 0 || s->stop) return;
      (void)::sendto(s->udp.get(), buffer.data(), static_cast<std::size_t>(n), 0,
                     reinterpret_cast<sockaddr*>(&who), size);
    }
  });
}

Responder::~Responder() {
  {
    const std::lock_guard guard(shared_->lock);
    shared_->stop = true;
    for (const int fd : shared_->open) ::shutdown(fd, SHUT_RDWR);
  }
  ::shutdown(shared_->tcp.get(), SHUT_RDWR);
  ::shutdown(shared_->udp.get(), SHUT_RDWR);  // wakes recvfrom although it is not connected
  tcp_.join();
  udp_.join();
  for (std::thread& t : shared_->threads) t.join();
  for (const int fd : shared_->open) ::close(fd);
}

std::string Responder::last_peer() const {
  const std::lock_guard guard(shared_->lock);
  return shared_->last;
}

bool udp_echo(const Namespace& ns, const Address& to, std::uint16_t port, std::size_t size,
              double seconds) {
  const Fd fd = connected_socket(ns, to, port, SOCK_DGRAM);
  const auto data = pattern(size);
  return fd && send_all(fd.get(), data) && expect(fd.get(), data, seconds);
}

bool tcp_echo(const Namespace& ns, const Address& to, std::uint16_t port, std::size_t size,
              double seconds) {
  const Fd fd = connected_socket(ns, to, port, SOCK_STREAM);
  if (!fd) return false;
  const auto data = pattern(size);
  bool sent = false;
  std::thread sender([&] { sent = send_all(fd.get(), data); });
  const bool same = expect(fd.get(), data, seconds);
  if (!same) ::shutdown(fd.get(), SHUT_RDWR);
  sender.join();
  return sent && same;
}

Idle::Idle(const Namespace& ns, const Address& to, std::uint16_t port)
    : fd_(connected_socket(ns, to, port, SOCK_STREAM)) {}

bool Idle::speak(double seconds) {
  const auto data = pattern(100);
  return fd_ && send_all(fd_.get(), data) && expect(fd_.get(), data, seconds);
}

struct Download::Shared {
  Fd fd;
  std::atomic<std::uint64_t> bytes = 0;
  std::atomic<bool> broken = false;
};

Download::Download(const Namespace& ns, const Address& to, std::uint16_t port)
    : shared_(std::make_shared<Shared>()) {
  shared_->fd = connected_socket(ns, to, port, SOCK_STREAM);
  if (!shared_->fd || !send_all(shared_->fd.get(), {'d'})) {
    shared_->broken = true;
    return;
  }
  thread_ = std::thread([s = shared_] {
    std::vector<std::uint8_t> buffer(1 << 16);
    for (;;) {
      const ssize_t n = ::recv(s->fd.get(), buffer.data(), buffer.size(), 0);
      if (n <= 0) break;
      const std::uint64_t at = s->bytes;
      for (ssize_t i = 0; i < n; ++i) {
        if (buffer[static_cast<std::size_t>(i)] != byte_at(at + static_cast<std::uint64_t>(i))) {
          s->broken = true;
        }
      }
      s->bytes = at + static_cast<std::uint64_t>(n);
    }
    s->broken = true;
  });
}

Download::~Download() {
  if (shared_->fd) ::shutdown(shared_->fd.get(), SHUT_RDWR);
  if (thread_.joinable()) thread_.join();
}

std::uint64_t Download::bytes() const noexcept {
  return shared_->bytes;
}
bool Download::broken() const noexcept {
  return shared_->broken;
}

bool Download::goes_on(double seconds) {
  // More than what may still lie in buffers on the way.
  const std::uint64_t enough = bytes() + (16u << 20);
  return eventually([&] { return broken() || bytes() > enough; }, seconds) && !broken();
}

}  // namespace vpnd::test
