// SPDX-License-Identifier: ISC
#include "linux/demo_traffic.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>
#include <thread>
#include <utility>

#include "core/base/error.h"
#include "linux/fd.h"
#include "linux/socket.h"

namespace vpnd::demo {
namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr std::chrono::seconds kPatience{5};
constexpr std::size_t kChunk = 256 * 1024;

// What a client of the service asks for with its first byte.
constexpr char kWho = 'w';       // the text of its own address
constexpr char kEcho = 'e';      // each byte comes back
constexpr char kDownload = 'd';  // bytes without end

[[noreturn]] void fail(const char* doing, int error) {
  throw Error(doing, error);
}

void set_no_delay(int fd) noexcept {
  const int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

// False: the other side is gone.
bool send_all(int fd, std::string_view data) noexcept {
  while (!data.empty()) {
    const ssize_t n = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    data.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

void answer(int fd, const Address& from) {
  char what = 0;
  if (::recv(fd, &what, 1, 0) != 1) return;
  if (what == kWho) send_all(fd, from.text());
  if (what == kEcho) {
    char byte = 0;
    while (::recv(fd, &byte, 1, 0) == 1 && send_all(fd, {&byte, 1})) {
    }
  }
  if (what == kDownload) {
    const std::vector<char> chunk(kChunk);
    while (send_all(fd, {chunk.data(), chunk.size()})) {
    }
  }
}

// A plain socket with the kernel's defaults, as a stranger's server would have.
Fd bind_service(int type) {
  Fd fd(::socket(AF_INET6, type | SOCK_CLOEXEC, 0));
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;
  any.sin6_port = htons(kServicePort);
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&any), sizeof any) != 0) {
    fail("listen at the target", errno);
  }
  return fd;
}

[[noreturn]] void send_back(int fd) noexcept {
  std::array<char, 2048> data{};
  for (;;) {
    sockaddr_storage from{};
    socklen_t length = sizeof from;
    auto* address = reinterpret_cast<sockaddr*>(&from);
    const ssize_t n = ::recvfrom(fd, data.data(), data.size(), 0, address, &length);
    if (n > 0) (void)::sendto(fd, data.data(), static_cast<std::size_t>(n), 0, address, length);
  }
}

// Waits until the socket is ready, and ticks meanwhile.
void wait_for(int fd, short events, const char* doing, const Tick& tick) {
  const auto end = SteadyClock::now() + kPatience;
  while (SteadyClock::now() < end) {
    pollfd p{fd, events, 0};
    const int n = ::poll(&p, 1, 20);
    if (n < 0 && errno != EINTR) fail(doing, errno);
    tick();
    if (n > 0) return;
  }
  fail(doing, ETIMEDOUT);
}

Fd connect_to(const Address& target, char what, const Tick& tick) {
  sockaddr_storage to{};
  const int length = nl::to_sockaddr({target, kServicePort}, to);
  Fd fd(::socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) fail("make a socket", errno);
  set_no_delay(fd.get());
  constexpr const char* kDoing = "connect to the target";
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), static_cast<socklen_t>(length)) != 0) {
    if (errno != EINPROGRESS) fail(kDoing, errno);
    wait_for(fd.get(), POLLOUT, kDoing, tick);
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) fail(kDoing, error);
  }
  if (!send_all(fd.get(), {&what, 1})) fail("ask the target", errno);
  return fd;
}

// 0: the other side closed.
std::size_t receive(int fd, char* to, std::size_t room, const Tick& tick) {
  for (;;) {
    const ssize_t n = ::recv(fd, to, room, 0);
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno != EAGAIN && errno != EINTR) fail("receive from the target", errno);
    wait_for(fd, POLLIN, "receive from the target", tick);
  }
}

}  // namespace

void serve() {
  const Fd listener = bind_service(SOCK_STREAM);
  if (::listen(listener.get(), 16) != 0) fail("listen at the target", errno);
  const Fd datagrams = bind_service(SOCK_DGRAM);
  std::thread([&] { send_back(datagrams.get()); }).detach();
  for (;;) {
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    Fd fd(::accept4(listener.get(), reinterpret_cast<sockaddr*>(&from), &size, SOCK_CLOEXEC));
    if (!fd) continue;
    set_no_delay(fd.get());
    std::thread([fd = std::move(fd), from = nl::from_sockaddr(from).address] {
      answer(fd.get(), from);
    }).detach();
  }
}

Address ask_who_am_i(const Address& target, const Tick& tick) {
  const Fd fd = connect_to(target, kWho, tick);
  std::string text;
  std::array<char, 64> part{};
  while (const std::size_t n = receive(fd.get(), part.data(), part.size(), tick)) {
    text.append(part.data(), n);
  }
  if (const auto address = Address::parse(text)) return *address;
  throw Error("understand the target", EPROTO);
}

RoundTrips measure_round_trips(const Address& target, unsigned count, const Tick& tick) {
  const Fd fd = connect_to(target, kEcho, tick);
  std::vector<std::chrono::microseconds> all;
  for (unsigned i = 0; i < count; ++i) {
    char byte = 'x';
    const auto start = SteadyClock::now();
    if (!send_all(fd.get(), {&byte, 1})) fail("ask the target", errno);
    if (receive(fd.get(), &byte, 1, tick) != 1) fail("receive from the target", ECONNRESET);
    all.push_back(
        std::chrono::duration_cast<std::chrono::microseconds>(SteadyClock::now() - start));
  }
  std::sort(all.begin(), all.end());
  return {all[all.size() / 2], all.back()};
}

Fd open_download(const Address& target) noexcept {
  sockaddr_storage to{};
  const int length = nl::to_sockaddr({target, kServicePort}, to);
  Fd fd(::socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return fd;
  const int result =
      ::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), static_cast<socklen_t>(length));
  return result == 0 || errno == EINPROGRESS ? std::move(fd) : Fd();
}

bool ask_for_download(int fd) noexcept {
  return ::send(fd, &kDownload, 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1;
}

Fd echo_socket(const Address& target) {
  Fd fd(::socket(target.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) fail("make a socket", errno);
  return fd;
}

// Not connected: the source is chosen for each, as the routes are at that moment.
void send_echo(int fd, const Address& target, const void* data, std::size_t size) noexcept {
  sockaddr_storage to{};
  const int length = nl::to_sockaddr({target, kServicePort}, to);
  (void)::sendto(fd, data, size, MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&to),
                 static_cast<socklen_t>(length));
}

bool send_datagram(const Address& target) {
  sockaddr_storage to{};
  const int length = nl::to_sockaddr({target, 9}, to);
  const Fd fd(::socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) fail("make a socket", errno);
  if (::sendto(fd.get(), "clear", 5, 0, reinterpret_cast<sockaddr*>(&to),
               static_cast<socklen_t>(length)) >= 0) {
    return true;
  }
  constexpr std::array kRefusals = {EPERM, EACCES, ENETUNREACH, EHOSTUNREACH, EINVAL};
  if (std::ranges::find(kRefusals, errno) != kRefusals.end()) return false;
  fail("send to the target", errno);
}

}  // namespace vpnd::demo
