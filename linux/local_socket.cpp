// SPDX-License-Identifier: ISC
#include "linux/local_socket.h"

#include <grp.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "core/base/error.h"

namespace vpnd::nl {
namespace {

constexpr std::size_t kMostGroups = 65536;  // NGROUPS_MAX

std::optional<sockaddr_un> address_of(const std::string& path) noexcept {
  sockaddr_un a{};
  a.sun_family = AF_UNIX;
  if (path.size() >= sizeof a.sun_path) return std::nullopt;
  std::memcpy(a.sun_path, path.c_str(), path.size());
  return a;
}

[[noreturn]] void fail(const std::string& path, int why) {
  throw Error("make the socket " + path, why);
}

// A file takes the group of the thread that makes it. The keeper may have any group, and may not
// give one away any more; an ordinary user may give those that it is in.
void bind_for(const Fd& fd, const sockaddr_un& a, const std::string& path,
              std::optional<gid_t> group) {
  const mode_t mask = umask(0177);
  const auto before = group ? static_cast<gid_t>(setfsgid(*group)) : gid_t{};
  const int bound = bind(fd.get(), reinterpret_cast<const sockaddr*>(&a), sizeof a);
  const int why = errno;
  if (group) setfsgid(before);
  umask(mask);
  if (bound < 0) fail(path, why);
  if (!group) return;
  struct stat info {};
  if (lstat(path.c_str(), &info) < 0) fail(path, errno);
  if (info.st_gid != *group && lchown(path.c_str(), static_cast<uid_t>(-1), *group) < 0) {
    throw Error("give " + path + " to its group", errno, "", Exit::permission);
  }
  if (chmod(path.c_str(), 0660) < 0) fail(path, errno);
}

bool is_in(const Fd& fd, gid_t primary, gid_t group) noexcept {
  if (primary == group) return true;
  std::vector<gid_t> groups(64);
  socklen_t size = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
  while (getsockopt(fd.get(), SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) < 0) {
    if (errno != ERANGE || groups.size() >= kMostGroups) return false;
    groups.resize(size / sizeof(gid_t));
  }
  groups.resize(size / sizeof(gid_t));
  return std::ranges::find(groups, group) != groups.end();
}

}  // namespace

Fd listen_locally(const std::string& path, std::optional<gid_t> group) {
  const auto a = address_of(path);
  if (!a) fail(path, ENAMETOOLONG);
  if (connect_locally(path)) {
    throw Error("make the socket " + path, EADDRINUSE, "another vpnd answers there",
                Exit::temporary);
  }
  struct stat info {};
  if (lstat(path.c_str(), &info) == 0 && !S_ISSOCK(info.st_mode)) fail(path, EEXIST);
  unlink(path.c_str());
  Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) fail(path, errno);
  bind_for(fd, *a, path, group);
  if (listen(fd.get(), 16) < 0) fail(path, errno);
  return fd;
}

Fd accept_local(const Fd& listener, bool room) noexcept {
  while (true) {
    Fd fd(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd || room) return fd;
  }
}

Fd connect_locally(const std::string& path) noexcept {
  const auto a = address_of(path);
  Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!a || !fd) return {};
  const timeval limit{3, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&*a), sizeof *a) < 0) {
    const int why = errno;
    fd.reset();
    errno = why;
  }
  return fd;
}

Standing standing(const Fd& connection, std::optional<gid_t> group) noexcept {
  ucred who{};
  socklen_t size = sizeof who;
  if (getsockopt(connection.get(), SOL_SOCKET, SO_PEERCRED, &who, &size) < 0) return Standing::none;
  if (who.uid == 0 || who.uid == geteuid()) return Standing::owner;
  return group && is_in(connection, who.gid, *group) ? Standing::member : Standing::none;
}

std::optional<gid_t> group_id(const std::string& name) {
  std::vector<char> room(16384);
  group entry{};
  group* found = nullptr;
  if (getgrnam_r(name.c_str(), &entry, room.data(), room.size(), &found) != 0 || found == nullptr) {
    return std::nullopt;
  }
  return entry.gr_gid;
}

}  // namespace vpnd::nl
