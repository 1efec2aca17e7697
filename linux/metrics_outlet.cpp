// SPDX-License-Identifier: ISC
#include "linux/metrics_outlet.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "core/base/bytes.h"
#include "core/base/log.h"
#include "linux/local_socket.h"

namespace vpnd::nl {
namespace {

constexpr Duration kPatience = std::chrono::seconds(2);

bool write_all(const Fd& fd, std::string_view text) noexcept {
  while (!text.empty()) {
    const auto n = ::write(fd.get(), text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

// In place of whatever has that name: it is ours, from an earlier time, and may be a link of
// somebody who can write there.
bool write_file(const std::string& path, std::string_view text) noexcept {
  ::unlink(path.c_str());
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644));
  return fd && write_all(fd, text);
}

}  // namespace

MetricsSocket::MetricsSocket(std::string path, std::optional<gid_t> group)
    : path_(std::move(path)), group_(group), listener_(listen_locally(path_, group)) {}

MetricsSocket::~MetricsSocket() {
  ::unlink(path_.c_str());
}

void MetricsSocket::watch(std::vector<pollfd>& fds) const {
  fds.push_back({listener_.get(), POLLIN, 0});
  for (const Client& c : clients_) {
    const bool waits = c.request != plan::HttpRequest::incomplete && !c.answered;
    const int events = waits ? 0 : c.answered ? POLLOUT : POLLIN;
    fds.push_back({c.fd.get(), static_cast<short>(events), 0});
  }
}

void MetricsSocket::serve(TimePoint now) {
  while (Fd fd = accept_local(listener_, clients_.size() < kMostClients)) {
    if (standing(fd, group_) == Standing::none) continue;
    Client& c = clients_.emplace_back();
    c.fd = std::move(fd);
    c.until = now + kPatience;
  }
  std::erase_if(clients_, [now](Client& c) { return now >= c.until || !progress(c); });
}

bool MetricsSocket::read_request(Client& c) {
  ByteArray<1024> room;
  const auto n = recv(c.fd.get(), room.data(), room.size(), MSG_DONTWAIT);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  if (n == 0) return false;
  c.in.append(room.begin(), room.begin() + n);
  c.request = plan::http_request(c.in);
  if (c.request == plan::HttpRequest::incomplete) {
    if (c.in.size() < kMostRequest) return true;
    c.request = plan::HttpRequest::malformed;
  }
  if (c.request == plan::HttpRequest::metrics || c.request == plan::HttpRequest::head) return true;
  c.out = plan::http_answer(c.request, {});
  c.answered = true;
  return true;
}

bool MetricsSocket::progress(Client& c) {
  if (c.request == plan::HttpRequest::incomplete && !read_request(c)) return false;
  while (!c.out.empty()) {
    const auto n = send(c.fd.get(), c.out.data(), c.out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    c.out.erase(0, static_cast<std::size_t>(n));
  }
  return !c.answered;
}

bool MetricsSocket::wanted() const noexcept {
  return std::ranges::any_of(clients_, [](const Client& c) {
    return c.request != plan::HttpRequest::incomplete && !c.answered;
  });
}

void MetricsSocket::answer(std::string_view metrics) {
  for (Client& c : clients_) {
    if (c.request == plan::HttpRequest::incomplete || c.answered) continue;
    c.out = plan::http_answer(c.request, metrics);
    c.answered = true;
  }
  std::erase_if(clients_, [](Client& c) { return c.answered && !progress(c); });
}

TimePoint MetricsSocket::next_deadline() const noexcept {
  TimePoint next = kNever;
  for (const Client& c : clients_) next = std::min(next, c.until);
  return next;
}

MetricsFile::~MetricsFile() {
  if (written_) ::unlink(path_.c_str());
}

void MetricsFile::write(std::string_view metrics, TimePoint now) noexcept {
  due_ = now + kEvery;
  const std::string fresh = path_ + ".new";
  if (write_file(fresh, metrics) && ::rename(fresh.c_str(), path_.c_str()) == 0) {
    written_ = true;
    failed_ = false;
    return;
  }
  const int why = errno;
  ::unlink(fresh.c_str());
  if (std::exchange(failed_, true)) return;
  log(Level::warning, "metrics cannot be written to {}: {}", path_, std::strerror(why));
}

}  // namespace vpnd::nl
