// SPDX-License-Identifier: ISC
#include "bsd/socket.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include <cerrno>
#include <cstring>

#include "bsd/tcp_options.h"
#include "core/base/error.h"

namespace vpnd::bsd {
namespace {

constexpr int kBacklog = 1024;

Fd new_socket(const Endpoint& e, int type) {
  Fd fd(::socket(e.address.is_v4() ? AF_INET : AF_INET6, type, 0));
  if (!fd || !prepare(fd)) throw Error("make a socket", errno, {}, Exit::os);
  if (type == SOCK_STREAM) set_stream_options(fd.get());
  return fd;
}

const sockaddr* generic(const sockaddr_storage& s) noexcept {
  return reinterpret_cast<const sockaddr*>(&s);
}

bool connects(const Fd& fd, const Endpoint& to) noexcept {
  sockaddr_storage address{};
  const socklen_t length = to_sockaddr(to, address);
  return ::connect(fd.get(), generic(address), length) == 0 || errno == EINPROGRESS;
}

[[noreturn]] void cannot_listen(const Endpoint& on, int why) {
  Exit code = Exit::failure;
  std::string remedy;
  if (why == EADDRINUSE) {
    code = Exit::temporary;
    remedy = "Another program has that port: end it, or take another port.";
  } else if (why == EACCES || why == EPERM) {
    code = Exit::permission;
    remedy = "Ports below 1024 are root's: start it as root, or take another port.";
  } else if (why == EADDRNOTAVAIL) {
    code = Exit::config;
    remedy = "No interface of this host has that address.";
  }
  throw Error("listen on " + on.text(), why, {}, code, remedy);
}

}  // namespace

Fd dialling_socket(const Endpoint& to) {
  Fd fd = new_socket(to, SOCK_STREAM);
  if (connects(fd, to)) return fd;
  throw Error("connect to " + to.text(), errno, {}, Exit::unavailable);
}

Fd asking_socket(const Endpoint& to) {
  Fd fd = new_socket(to, SOCK_DGRAM);
  if (connects(fd, to)) return fd;
  throw Error("reach the resolver " + to.text(), errno, {}, Exit::unavailable);
}

Fd listening_socket(const Endpoint& on) {
  Fd fd = new_socket(on, SOCK_STREAM);
  const int yes = 1;
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (!on.address.is_v4()) {
    (void)::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
  }
  sockaddr_storage address{};
  const socklen_t length = to_sockaddr(on, address);
  if (::bind(fd.get(), generic(address), length) != 0 || ::listen(fd.get(), kBacklog) != 0) {
    cannot_listen(on, errno);
  }
  return fd;
}

socklen_t to_sockaddr(const Endpoint& e, sockaddr_storage& to) noexcept {
  to = {};
  const Bytes bytes = e.address.bytes();
  if (e.address.is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(e.port);
    std::memcpy(&v4.sin_addr, bytes.data(), bytes.size());
    std::memcpy(&to, &v4, sizeof v4);
    return sizeof v4;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(e.port);
  std::memcpy(&v6.sin6_addr, bytes.data(), bytes.size());
  std::memcpy(&to, &v6, sizeof v6);
  return sizeof v6;
}

Endpoint from_sockaddr(const sockaddr_storage& from) noexcept {
  if (from.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &from, sizeof v4);
    return {Address::v4(Bytes(reinterpret_cast<const std::uint8_t*>(&v4.sin_addr), 4)),
            ntohs(v4.sin_port)};
  }
  if (from.ss_family != AF_INET6) return {};
  sockaddr_in6 v6{};
  std::memcpy(&v6, &from, sizeof v6);
  const Bytes raw(v6.sin6_addr.s6_addr, 16);
  const bool mapped = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr);
  return {mapped ? Address::v4(raw.subspan(12)) : Address::v6(raw), ntohs(v6.sin6_port)};
}

}  // namespace vpnd::bsd
