// SPDX-License-Identifier: ISC
#include "linux/control_socket.h"

#include <dirent.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "core/base/error.h"
#include "linux/state_dir.h"

namespace vpnd::nl {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostClients = 8, kMostRequest = 64, kMostAnswer = 64 * 1024 * 1024;
constexpr Duration kPatience = 2s;
constexpr std::string_view kSuffix = ".sock", kStatus = "status\n", kConfirm = "confirm\n";

std::optional<sockaddr_un> address_of(const std::string& path) noexcept {
  sockaddr_un a{};
  a.sun_family = AF_UNIX;
  if (path.size() >= sizeof a.sun_path) return std::nullopt;
  std::memcpy(a.sun_path, path.c_str(), path.size());
  return a;
}

std::string path_of(const std::string& directory, const std::string& name) {
  return directory + "/" + name + std::string(kSuffix);
}

Fd connect_to(const std::string& path) noexcept {
  const auto a = address_of(path);
  Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!a || !fd) return {};
  const timeval limit{3, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&*a), sizeof *a) < 0) return {};
  return fd;
}

bool trusted(const Fd& fd) noexcept {
  ucred who{};
  socklen_t size = sizeof who;
  if (getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &who, &size) < 0) return false;
  return who.uid == 0 || who.uid == geteuid();
}

}  // namespace

ControlSocket::ControlSocket(const std::string& directory, const std::string& name)
    : path_(path_of(directory, name)) {
  make_directories(directory, 0755);
  const auto a = address_of(path_);
  if (!a) throw Error("make the status socket " + path_, ENAMETOOLONG);
  if (connect_to(path_)) {
    throw Error("make the status socket " + path_, EADDRINUSE, "another vpnd answers there",
                Exit::temporary);
  }
  unlink(path_.c_str());
  listener_.reset(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // Never open to others, not even between bind and chmod.
  const mode_t before = umask(0177);
  const int bound = bind(listener_.get(), reinterpret_cast<const sockaddr*>(&*a), sizeof *a);
  const int why = errno;
  umask(before);
  if (bound < 0) throw Error("make the status socket " + path_, why);
  if (listen(listener_.get(), 16) < 0) throw Error("listen on " + path_, errno);
}

ControlSocket::~ControlSocket() {
  unlink(path_.c_str());
}

void ControlSocket::watch(std::vector<pollfd>& fds) const {
  fds.push_back({listener_.get(), POLLIN, 0});
  for (const Client& c : clients_) {
    const short events = !c.out.empty() ? POLLOUT : c.asked ? short{0} : POLLIN;
    fds.push_back({c.fd.get(), events, 0});
  }
}

void ControlSocket::accept_all(TimePoint now) {
  while (true) {
    Fd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) return;
    if (clients_.size() < kMostClients && trusted(fd)) {
      clients_.push_back({std::move(fd), now + kPatience, {}, {}, false, false});
    }
  }
}

void ControlSocket::serve(TimePoint now) {
  accept_all(now);
  std::erase_if(clients_, [now](Client& c) { return now >= c.until || !progress(c); });
}

bool ControlSocket::progress(Client& c) {
  if (!c.asked) {
    ByteArray<kMostRequest> room;
    const auto n = recv(c.fd.get(), room.data(), room.size(), MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    if (n == 0) return false;
    c.in.append(room.begin(), room.begin() + n);
    if (c.in.find('\n') == std::string::npos) return c.in.size() < kMostRequest;
    c.asked = true;
    c.confirms = c.in == kConfirm;
    return c.confirms || c.in == kStatus;
  }
  while (!c.out.empty()) {
    const auto n = send(c.fd.get(), c.out.data(), c.out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    c.out.erase(0, static_cast<std::size_t>(n));
    if (c.out.empty()) return false;
  }
  return true;
}

bool ControlSocket::wanted() const noexcept {
  return std::ranges::any_of(clients_, [](const Client& c) { return c.asked && c.out.empty(); });
}

bool ControlSocket::take_confirmation() noexcept {
  bool any = false;
  for (Client& c : clients_) any = std::exchange(c.confirms, false) || any;
  return any;
}

void ControlSocket::answer(const std::string& json) noexcept {
  for (Client& c : clients_) {
    if (c.asked && c.out.empty()) c.out = json;
  }
  std::erase_if(clients_, [](Client& c) { return !c.out.empty() && !progress(c); });
}

TimePoint ControlSocket::next_deadline() const noexcept {
  TimePoint next = kNever;
  for (const Client& c : clients_) next = std::min(next, c.until);
  return next;
}

std::vector<std::string> control_names(const std::string& directory) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(directory.c_str()), closedir);
  while (dir) {
    const dirent* entry = readdir(dir.get());
    if (entry == nullptr) break;
    const std::string_view file = entry->d_name;
    if (!file.ends_with(kSuffix)) continue;
    std::string name(file.substr(0, file.size() - kSuffix.size()));
    if (connect_to(path_of(directory, name))) names.push_back(std::move(name));
  }
  std::ranges::sort(names);
  return names;
}

Fd process_of(const std::string& directory, const std::string& name) {
  // As long as it has not hung up its number is nobody else's.
  const Fd fd = connect_to(path_of(directory, name));
  ucred who{};
  socklen_t size = sizeof who;
  if (!fd || getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &who, &size) < 0) return {};
  return Fd(static_cast<int>(syscall(SYS_pidfd_open, who.pid, 0)));
}

std::optional<std::string> ask(const std::string& directory, const std::string& name,
                               Request request) {
  const Fd fd = connect_to(path_of(directory, name));
  if (!fd) return std::nullopt;
  const std::string_view words = request == Request::confirm ? kConfirm : kStatus;
  if (send(fd.get(), words.data(), words.size(), MSG_NOSIGNAL) < 0) return std::nullopt;
  std::string out;
  ByteArray<16384> room;
  while (out.size() < kMostAnswer) {
    const auto n = recv(fd.get(), room.data(), room.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    out.append(room.begin(), room.begin() + n);
  }
  if (out.empty()) return std::nullopt;
  return out;
}

}  // namespace vpnd::nl
