// SPDX-License-Identifier: ISC
#include "linux/service_manager.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>

namespace vpnd::nl {
namespace {

constexpr int kFirstPassed = 3;  // SD_LISTEN_FDS_START
constexpr int kMostPassed = 4096;
constexpr std::size_t kMostStatus = 256;
constexpr timeval kPatience{1, 0};

std::optional<std::string> taken_from_environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) return std::nullopt;
  std::string out(value);
  unsetenv(name);
  return out;
}

std::optional<std::uint64_t> number(const std::optional<std::string>& text) noexcept {
  if (!text || text->empty()) return std::nullopt;
  std::uint64_t value = 0;
  const char* end = text->data() + text->size();
  const auto [at, error] = std::from_chars(text->data(), end, value);
  if (error != std::errc() || at != end) return std::nullopt;
  return value;
}

bool is_us(std::optional<std::uint64_t> pid) noexcept {
  return pid == static_cast<std::uint64_t>(getpid());
}

// A line ends the value, and others print it.
std::string one_line(std::string_view text) {
  std::string out(text.substr(0, kMostStatus));
  std::ranges::replace_if(
      out, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return out;
}

int option(const Fd& fd, int what) noexcept {
  int value = -1;
  socklen_t size = sizeof value;
  if (getsockopt(fd.get(), SOL_SOCKET, what, &value, &size) < 0) return -1;
  return value;
}

bool listens_for_tcp(const Fd& fd) noexcept {
  const int domain = option(fd, SO_DOMAIN);
  return (domain == AF_INET || domain == AF_INET6) && option(fd, SO_PROTOCOL) == IPPROTO_TCP &&
         option(fd, SO_ACCEPTCONN) == 1;
}

// Its length; 0: not the address of a socket that we can send to.
socklen_t address_of(const std::string& path, sockaddr_un& to) noexcept {
  to = {};
  to.sun_family = AF_UNIX;
  if (path.size() < 2 || path.size() >= sizeof to.sun_path) return 0;
  if (path[0] != '/' && path[0] != '@') return 0;
  std::memcpy(to.sun_path, path.data(), path.size());
  if (path[0] == '@') to.sun_path[0] = '\0';
  // An abstract name ends with its length, the other with a zero.
  const std::size_t size = path.size() + (path[0] == '/' ? 1 : 0);
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size);
}

std::uint64_t monotonic_us() noexcept {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000 +
         static_cast<std::uint64_t>(t.tv_nsec) / 1000;
}

}  // namespace

ServiceManager ServiceManager::from_environment() {
  ServiceManager out;
  out.path_ = taken_from_environment("NOTIFY_SOCKET").value_or("");
  sockaddr_un to;
  if (address_of(out.path_, to) == 0) out.path_.clear();

  const auto patience = number(taken_from_environment("WATCHDOG_USEC"));
  const auto watched = taken_from_environment("WATCHDOG_PID");
  constexpr std::uint64_t kDay = 86'400'000'000;
  if (patience && (!watched || is_us(number(watched)))) {
    out.watchdog_ = std::chrono::microseconds(std::min(*patience, kDay) / 2);
  }

  const auto meant_for = number(taken_from_environment("LISTEN_PID"));
  const auto count = number(taken_from_environment("LISTEN_FDS"));
  const std::string names = taken_from_environment("LISTEN_FDNAMES").value_or("");
  if (!is_us(meant_for) || !count || *count > kMostPassed) return out;
  std::string_view left = names;
  for (int fd = kFirstPassed; fd < kFirstPassed + static_cast<int>(*count); ++fd) {
    const std::string_view name = left.substr(0, left.find(':'));
    left.remove_prefix(std::min(left.size(), name.size() + 1));
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) out.passed_.push_back({std::string(name), Fd(fd)});
  }
  return out;
}

bool ServiceManager::send(std::string_view lines, int fd) const noexcept {
  sockaddr_un to;
  const socklen_t size = address_of(path_, to);
  const Fd socket(size == 0 ? -1 : ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return false;
  setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
  iovec part{const_cast<char*>(lines.data()), lines.size()};
  msghdr message{};
  message.msg_name = &to;
  message.msg_namelen = size;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (fd >= 0) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(c), &fd, sizeof fd);
  }
  ssize_t n = 0;
  do {
    n = sendmsg(socket.get(), &message, MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  return n >= 0;
}

bool ServiceManager::ready(std::string_view line) noexcept {
  return listens() && send(fmt::format("READY=1\nSTATUS={}", one_line(line)));
}

bool ServiceManager::status(std::string_view line) noexcept {
  return listens() && send(fmt::format("STATUS={}", one_line(line)));
}

bool ServiceManager::tick() noexcept {
  return listens() && send("WATCHDOG=1");
}

bool ServiceManager::stopping(std::string_view line) noexcept {
  return listens() && send(fmt::format("STOPPING=1\nSTATUS={}", one_line(line)));
}

// The time tells this request to reload from an earlier one (sd_notify(3), Type=notify-reload).
bool ServiceManager::reloading() noexcept {
  return listens() && send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", monotonic_us()));
}

// Not watched while it is kept: an error on a netlink socket is no reason to lose it.
bool ServiceManager::store(std::string_view name, int fd) noexcept {
  return listens() && fd >= 0 &&
         send(fmt::format("FDSTORE=1\nFDNAME={}\nFDPOLL=0", one_line(name)), fd);
}

bool ServiceManager::forget(std::string_view name) noexcept {
  return listens() && send(fmt::format("FDSTOREREMOVE=1\nFDNAME={}", one_line(name)));
}

std::vector<Fd> ServiceManager::take(std::string_view name) {
  std::vector<Fd> out;
  for (Passed& p : passed_) {
    if (p.fd && p.name == name) out.push_back(std::move(p.fd));
  }
  return out;
}

std::vector<Fd> ServiceManager::take_listeners() {
  std::vector<Fd> out;
  for (Passed& p : passed_) {
    if (p.fd && listens_for_tcp(p.fd)) out.push_back(std::move(p.fd));
  }
  return out;
}

}  // namespace vpnd::nl
