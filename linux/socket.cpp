// SPDX-License-Identifier: ISC
#include "linux/socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "core/base/error.h"
#include "core/engine/path.h"

namespace vpnd::nl {
namespace {

constexpr unsigned kUserTimeout = 60'000;  // milliseconds
constexpr int kBacklog = 4096;
constexpr std::size_t kMaxFds = 8;

template<typename T>
void set(const Fd& fd, int level, int option, const T& value, const char* what) {
  if (::setsockopt(fd.get(), level, option, &value, sizeof value) == 0) return;
  throw Error(fmt::format("set {} on a socket", what), errno, {},
              errno == EPERM ? Exit::permission : Exit::os);
}

void set_stream_options(const Fd& fd) {
  set(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
  const auto unsent = static_cast<int>(engine::standing_for({}).socket);  // the path is unknown yet
  set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, unsent, "TCP_NOTSENT_LOWAT");
  set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, kUserTimeout, "TCP_USER_TIMEOUT");
  use_congestion_control(fd.get(), "bbr");
}

Fd stream_socket(const Endpoint& e) {
  const int family = e.address.is_v4() ? AF_INET : AF_INET6;
  Fd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  if (!fd) throw Error("make a TCP socket", errno, {}, Exit::os);
  set_stream_options(fd);
  return fd;
}

const sockaddr* generic(const sockaddr_storage& s) noexcept {
  return reinterpret_cast<const sockaddr*>(&s);
}

[[noreturn]] void cannot_listen(const Endpoint& e, int why) {
  const std::string doing = fmt::format("listen on {}", e.text());
  if (why == EADDRINUSE) {
    throw Error(doing, why, {}, Exit::temporary,
                "Another program holds the port; stop it, or choose another port.");
  }
  if (why == EACCES || why == EPERM) {
    throw Error(doing, why, {}, Exit::permission,
                "Ports below 1024 need privileges; run with sudo, or choose a higher port.");
  }
  if (why == EADDRNOTAVAIL) {
    throw Error(doing, why, "no interface has that address", Exit::config);
  }
  throw Error(doing, why);
}

}  // namespace

Fd dialling_socket(const Endpoint& to, Fwmark mark) {
  Fd fd = stream_socket(to);
  set(fd, SOL_SOCKET, SO_MARK, static_cast<std::uint32_t>(mark), "SO_MARK");
  sockaddr_storage address{};
  const int length = to_sockaddr(to, address);
  if (::connect(fd.get(), generic(address), static_cast<socklen_t>(length)) != 0 &&
      errno != EINPROGRESS) {
    throw Error(fmt::format("connect to {}", to.text()), errno, {}, Exit::unavailable);
  }
  return fd;
}

Fd asking_socket(const Endpoint& to, Fwmark mark) {
  const int family = to.address.is_v4() ? AF_INET : AF_INET6;
  Fd fd(::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP));
  if (!fd) throw Error("make a UDP socket", errno, {}, Exit::os);
  set(fd, SOL_SOCKET, SO_MARK, static_cast<std::uint32_t>(mark), "SO_MARK");
  sockaddr_storage address{};
  const int length = to_sockaddr(to, address);
  if (::connect(fd.get(), generic(address), static_cast<socklen_t>(length)) != 0) {
    throw Error(fmt::format("reach the resolver {}", to.text()), errno, {}, Exit::unavailable);
  }
  return fd;
}

Fd listening_socket(const Endpoint& on, bool dual) {
  Fd fd = stream_socket(on);
  set(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
  if (!on.address.is_v4()) {
    const int only = dual && on.address.unspecified() ? 0 : 1;
    set(fd, IPPROTO_IPV6, IPV6_V6ONLY, only, "IPV6_V6ONLY");
  }
  sockaddr_storage address{};
  const int length = to_sockaddr(on, address);
  if (::bind(fd.get(), generic(address), static_cast<socklen_t>(length)) != 0 ||
      ::listen(fd.get(), kBacklog) != 0) {
    cannot_listen(on, errno);
  }
  return fd;
}

Endpoint take_listener(const Fd& fd) {
  sockaddr_storage on{};
  socklen_t size = sizeof on;
  const int flags = ::fcntl(fd.get(), F_GETFL);
  if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0 ||
      ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&on), &size) != 0) {
    throw Error("take over a listening socket", errno, {}, Exit::os);
  }
  set_stream_options(fd);
  return from_sockaddr(on);
}

bool takes_v4(const Fd& fd) noexcept {
  int only = 1;
  socklen_t size = sizeof only;
  return ::getsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, &size) == 0 && only == 0;
}

std::string congestion_control(int fd) {
  std::array<char, 32> name{};
  socklen_t length = name.size() - 1;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name.data(), &length) != 0) return {};
  return name.data();
}

void use_congestion_control(int fd, const char* name) noexcept {
  (void)::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name,
                     static_cast<socklen_t>(std::strlen(name)));
}

void hold_unsent(int fd, std::size_t bytes) noexcept {
  const int value = static_cast<int>(bytes);
  (void)::setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &value, sizeof value);
}

int to_sockaddr(const Endpoint& e, sockaddr_storage& to) noexcept {
  to = {};
  const Bytes bytes = e.address.bytes();
  if (e.address.is_v4()) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(to);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(e.port);
    std::memcpy(&v4.sin_addr, bytes.data(), bytes.size());
    return sizeof v4;
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(to);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(e.port);
  std::memcpy(&v6.sin6_addr, bytes.data(), bytes.size());
  return sizeof v6;
}

Endpoint from_sockaddr(const sockaddr_storage& from) noexcept {
  if (from.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(from);
    const auto* raw = reinterpret_cast<const std::uint8_t*>(&v4.sin_addr);
    return {Address::v4(Bytes(raw, 4)), ntohs(v4.sin_port)};
  }
  if (from.ss_family != AF_INET6) return {};
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(from);
  const Bytes raw(v6.sin6_addr.s6_addr, 16);
  // What a dual-stack listener reports for an IPv4 caller, RFC 4291 2.5.5.2.
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
    return {Address::v4(raw.subspan(12)), ntohs(v6.sin6_port)};
  }
  return {Address::v6(raw), ntohs(v6.sin6_port)};
}

void send_message(int socket, const void* data, std::size_t size, const int* fds,
                  std::size_t count) {
  alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(kMaxFds * sizeof(int))> control{};
  iovec part{const_cast<void*>(data), size};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (count > kMaxFds) throw Error("pass descriptors", E2BIG, {}, Exit::software);
  if (count > 0) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    cmsghdr* c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(count * sizeof(int));
    std::memcpy(CMSG_DATA(c), fds, count * sizeof(int));
  }
  ssize_t n = 0;
  do {
    n = ::sendmsg(socket, &message, MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  if (n < 0) throw Error("send to the other process", errno);
}

std::optional<Received> receive_message(int socket, void* data, std::size_t size) {
  alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(kMaxFds * sizeof(int))> control{};
  iovec part{data, size};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t n = 0;
  do {
    n = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_TRUNC);
  } while (n < 0 && errno == EINTR);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::nullopt;
  Received received;
  if (n <= 0) return received;
  received.size = static_cast<std::size_t>(n);
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
      received.fds.emplace_back(fd);
    }
  }
  return received;
}

}  // namespace vpnd::nl
