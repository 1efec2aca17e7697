// SPDX-License-Identifier: ISC
#include "linux/leak_canary.h"

#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "linux/socket.h"

namespace vpnd::nl {
namespace {

constexpr uid_t kNobody = 65534;

// Policy rules and nftables ask who made a socket (net/socket.c sock_alloc: its inode belongs to
// the file system user of that moment), so it takes no process of that user's own.
class AsOrdinaryUser {
 public:
  explicit AsOrdinaryUser(bool wanted) noexcept : root_(wanted && ::geteuid() == 0) {
    if (root_) ::setfsuid(kNobody);
  }
  AsOrdinaryUser(const AsOrdinaryUser&) = delete;
  AsOrdinaryUser& operator=(const AsOrdinaryUser&) = delete;
  ~AsOrdinaryUser() {
    if (root_) ::setfsuid(0);
  }

 private:
  bool root_;
};

const sockaddr* generic(const sockaddr_storage& s) noexcept {
  return reinterpret_cast<const sockaddr*>(&s);
}

// No sign of life yet, rather than a refusal.
bool pending(int error) noexcept {
  return error == EAGAIN || error == EINPROGRESS || error == EINTR || error == EALREADY;
}

}  // namespace

Canary::Canary(const plan::Way& way, std::vector<std::uint8_t> content)
    : way_(way), content_(std::move(content)) {
  open();
  if (!fd_ || !prepare() || !take_port()) refused(errno);
}

void Canary::refused(int error) noexcept {
  if (refusal_ == 0) refusal_ = error;
  fd_.reset();
}

void Canary::open() noexcept {
  const AsOrdinaryUser user(!way_.as_root);
  const int type = (way_.tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
  fd_.reset(::socket(way_.to.address.is_v4() ? AF_INET : AF_INET6, type, 0));
}

bool Canary::prepare() noexcept {
  if (way_.tcp) {
    const linger none{1, 0};  // closed at once, nothing lingers
    if (::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &none, sizeof none) != 0) return false;
  }
  const int only = 1;
  if (!way_.to.address.is_v4() &&
      ::setsockopt(fd_.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only) != 0) {
    return false;
  }
  return way_.device.empty() ||
         ::setsockopt(fd_.get(), SOL_SOCKET, SO_BINDTODEVICE, way_.device.c_str(),
                      static_cast<socklen_t>(way_.device.size() + 1)) == 0;
}

// A port that was asked for by bind() is no other socket's, whoever that one speaks to.
bool Canary::take_port() noexcept {
  const Address any = way_.to.address.is_v4() ? Address{} : Address::v6(ByteArray<16>{});
  sockaddr_storage own{};
  auto size = static_cast<socklen_t>(to_sockaddr({way_.from.value_or(any), 0}, own));
  if (::bind(fd_.get(), generic(own), size) != 0) return false;
  size = sizeof own;
  if (::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&own), &size) != 0) return false;
  source_port_ = from_sockaddr(own).port;
  return true;
}

void Canary::send() noexcept {
  if (!fd_) return;
  sockaddr_storage there{};
  const auto size = static_cast<socklen_t>(to_sockaddr(way_.to, there));
  if (!way_.link.empty()) {
    reinterpret_cast<sockaddr_in6&>(there).sin6_scope_id = ::if_nametoindex(way_.link.c_str());
  }
  if (::connect(fd_.get(), generic(there), size) != 0 && !pending(errno)) return refused(errno);
  if (way_.tcp) return;
  connected_ = true;
  if (::send(fd_.get(), content_.data(), content_.size(), MSG_NOSIGNAL) < 0) refused(errno);
}

void Canary::step() noexcept {
  if (!fd_) return;
  if (!connected_) finish_connecting();
  if (fd_ && connected_) listen();
}

void Canary::finish_connecting() noexcept {
  pollfd ready{fd_.get(), POLLOUT, 0};
  if (::poll(&ready, 1, 0) <= 0) return;
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) return refused(error);
  connected_ = true;
  answered_ = way_.what != plan::Way::What::look_up;
  if (answered_) return;
  if (::send(fd_.get(), content_.data(), content_.size(), MSG_NOSIGNAL) < 0) refused(errno);
}

void Canary::listen() noexcept {
  std::array<std::uint8_t, 2048> room;
  const auto n = ::recv(fd_.get(), room.data(), room.size(), MSG_DONTWAIT);
  if (n > 0) answered_ = true;
  if (n == 0 && way_.tcp) fd_.reset();
  if (n < 0 && !pending(errno)) refused(errno);
}

}  // namespace vpnd::nl
