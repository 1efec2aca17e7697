// SPDX-License-Identifier: ISC
#include "bsd/local_socket.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/base/error.h"

namespace vpnd::bsd {
namespace {

constexpr int kBacklog = 16;

bool set_address(sockaddr_un& a, const std::string& path) noexcept {
  a.sun_family = AF_UNIX;
  if (path.size() >= sizeof a.sun_path) {
    errno = ENAMETOOLONG;
    return false;
  }
  std::memcpy(a.sun_path, path.data(), path.size());
  return true;
}

const sockaddr* generic(const sockaddr_un& a) noexcept {
  return reinterpret_cast<const sockaddr*>(&a);
}

[[noreturn]] void fail(const std::string& path) {
  throw Error("make the socket " + path, errno);
}

// The file is born closed and opened to its group afterwards.
bool bind_closed(const Fd& fd, const sockaddr_un& a) noexcept {
  const mode_t mask = ::umask(0177);
  const bool bound = ::bind(fd.get(), generic(a), sizeof a) == 0;
  const int why = errno;
  ::umask(mask);
  errno = why;
  return bound;
}

}  // namespace

Fd listen_locally(const std::string& path, std::optional<gid_t> group) {
  if (connect_locally(path)) {
    throw Error("make the socket " + path, EADDRINUSE, "another vpnd answers there",
                Exit::temporary);
  }
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0 && !S_ISSOCK(info.st_mode)) {
    throw Error("make the socket " + path, EEXIST);
  }
  (void)::unlink(path.c_str());
  sockaddr_un a{};
  Fd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
  if (!set_address(a, path) || !fd || !prepare(fd) || !bind_closed(fd, a)) fail(path);
  if (group && ::chown(path.c_str(), static_cast<uid_t>(-1), *group) != 0) {
    throw Error("give " + path + " to its group", errno, {}, Exit::permission);
  }
  if (group && ::chmod(path.c_str(), 0660) != 0) fail(path);
  if (::listen(fd.get(), kBacklog) != 0) fail(path);
  return fd;
}

Fd accept_local(const Fd& listener, bool room) noexcept {
  for (;;) {
    Fd fd(::accept(listener.get(), nullptr, nullptr));
    if (!fd) return fd;
    if (room && prepare(fd)) return fd;
  }
}

Fd connect_locally(const std::string& path) noexcept {
  sockaddr_un a{};
  if (!set_address(a, path)) return {};
  Fd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
  if (!fd || !prepare(fd)) return {};
  // A UNIX socket is connected at once or not at all, so here nothing is waited for.
  if (::connect(fd.get(), generic(a), sizeof a) != 0) {
    const int why = errno;
    fd.reset();
    errno = why;
  }
  return fd;
}

bool peer_is_owner(const Fd& connection) noexcept {
  uid_t user = 0;
  gid_t group = 0;
  if (::getpeereid(connection.get(), &user, &group) != 0) return false;
  return user == 0 || user == ::geteuid();
}

std::optional<gid_t> group_id(const std::string& name) {
  const group* entry = ::getgrnam(name.c_str());
  return entry == nullptr ? std::nullopt : std::optional(entry->gr_gid);
}

}  // namespace vpnd::bsd
