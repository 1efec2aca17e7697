// SPDX-License-Identifier: ISC
#include "bsd/control_socket.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "bsd/control_words.h"
#include "bsd/local_socket.h"
#include "bsd/no_signal.h"
#include "bsd/state_dir.h"
#include "core/base/bytes.h"
#include "core/base/error.h"

namespace vpnd::bsd {
namespace {

using namespace std::chrono_literals;

constexpr Duration kPatience = 2s;
// A reader of events who takes nothing for so long is gone, or might as well be.
constexpr Duration kReaderPatience = 60s;

bool nothing_now(int errnum) noexcept {
  return errnum == EAGAIN || errnum == EWOULDBLOCK || errnum == EINTR;
}

}  // namespace

ControlSocket::ControlSocket(const std::string& directory, const std::string& name,
                             std::optional<gid_t> group)
    : path_(control_path(directory, name)), group_(group) {
  make_directories(directory, 0755);
  listener_ = listen_locally(path_, group);
}

ControlSocket::~ControlSocket() {
  (void)::unlink(path_.c_str());
  for (Fd& fd : until_the_end_) fd.release();
  for (Client& c : clients_) {
    if (c.request == Request::stop) c.fd.release();
  }
}

void ControlSocket::watch(std::vector<pollfd>& fds) const {
  fds.push_back({listener_.get(), POLLIN, 0});
  for (const Client& c : clients_) {
    int events = c.request == Request::none || c.streams() ? POLLIN : 0;
    if (!c.out.empty()) events |= POLLOUT;
    fds.push_back({c.fd.get(), static_cast<short>(events), 0});
  }
}

TimePoint ControlSocket::next_deadline() const noexcept {
  TimePoint next = kNever;
  for (const Client& c : clients_) next = std::min(next, c.until);
  return next;
}

void ControlSocket::serve(TimePoint now) {
  accept_all(now);
  for (Client& c : clients_) c.done = now >= c.until || !progress(c, now);
  std::erase_if(clients_, [&](Client& c) {
    if (c.done && c.request == Request::stop) until_the_end_.push_back(std::move(c.fd));
    return c.done;
  });
}

void ControlSocket::accept_all(TimePoint now) {
  const auto asking = [](const Client& c) { return !c.streams(); };
  const auto busy = [&] { return std::ranges::count_if(clients_, asking); };
  while (Fd fd = accept_local(listener_, std::cmp_less(busy(), kMostClients))) {
    const bool owner = peer_is_owner(fd);
    if (!owner && !group_) {
      (void)::send(fd.get(), kDenied.data(), kDenied.size(), kNoSignal);
      continue;
    }
    Client& c = clients_.emplace_back();
    c.fd = std::move(fd);
    c.owner = owner;
    c.until = now + kPatience;
  }
}

bool ControlSocket::progress(Client& c, TimePoint now) {
  if (c.request == Request::none && !read_request(c)) return false;
  // Once it was taken and told so it is kept elsewhere.
  if (c.request == Request::stop) return write_out(c, now) && (c.fresh || !c.out.empty());
  if (c.streams()) {
    if (!c.greeted) c.until = kNever;
    ByteArray<kMostRequest> room;  // a reader has nothing more to say
    const auto heard = ::recv(c.fd.get(), room.data(), room.size(), 0);
    if (heard >= 0 || !nothing_now(errno)) return false;
  }
  return write_out(c, now) && !(c.answered && c.out.empty());
}

bool ControlSocket::read_request(Client& c) {
  ByteArray<kMostRequest> room;
  const auto n = ::recv(c.fd.get(), room.data(), room.size(), 0);
  if (n < 0) return nothing_now(errno);
  if (n == 0) return false;
  c.in.append(room.begin(), room.begin() + n);
  if (c.in.find('\n') == std::string::npos) return c.in.size() < kMostRequest;
  return understand(c);
}

bool ControlSocket::understand(Client& c) {
  const auto word = request_of(c.in);
  if (!word) return false;
  if (word->changes && !c.owner) {
    (void)::send(c.fd.get(), kDenied.data(), kDenied.size(), kNoSignal);
    return false;
  }
  const auto readers =
      std::ranges::count_if(clients_, [](const Client& r) { return r.streams() && !r.done; });
  if (word->request == Request::events && std::cmp_greater_equal(readers, kMostReaders)) {
    return false;
  }
  c.request = word->request;
  c.fresh = true;
  if (c.request == Request::stop) c.out = kStopping;
  return true;
}

bool ControlSocket::write_out(Client& c, TimePoint now) noexcept {
  while (!c.out.empty()) {
    const auto n = ::send(c.fd.get(), c.out.data(), c.out.size(), kNoSignal);
    if (n < 0) return nothing_now(errno);
    c.out.erase(0, static_cast<std::size_t>(n));
    if (c.streams()) c.until = c.out.empty() ? kNever : now + kReaderPatience;
  }
  return true;
}

bool ControlSocket::asked(Request r) const noexcept {
  return std::ranges::any_of(clients_, [r](const Client& c) { return c.waits_for(r); });
}

bool ControlSocket::take(Request r) noexcept {
  bool any = false;
  for (Client& c : clients_) any = (c.request == r && std::exchange(c.fresh, false)) || any;
  return any;
}

// What does not go out at once goes when the socket has room. Who has it all is done with at once:
// he reads to the end, and nothing else would wake us for that.
void ControlSocket::answer(Request r, std::string_view text) {
  std::erase_if(clients_, [&](Client& c) {
    if (!c.waits_for(r)) return false;
    c.out = text;
    c.answered = true;
    return !write_out(c, {}) || c.out.empty();
  });
}

// ---- events

bool ControlSocket::newcomers() const noexcept {
  return std::ranges::any_of(clients_, [](const Client& c) { return c.streams() && !c.greeted; });
}

void ControlSocket::greet(std::string_view line, TimePoint now) {
  for (Client& c : clients_) {
    if (c.streams() && !std::exchange(c.greeted, true)) queue(c, line, now, {});
  }
}

void ControlSocket::announce(std::string_view line, TimePoint now, const Gap& gap) {
  for (Client& c : clients_) {
    if (c.streams() && c.greeted) queue(c, line, now, gap);
  }
}

void ControlSocket::queue(Client& c, std::string_view line, TimePoint now, const Gap& gap) {
  const std::string missed = c.missed == 0 ? std::string() : gap(c.missed) + "\n";
  if (c.out.size() + missed.size() + line.size() + 1 > kMostQueued) {
    ++c.missed;
    return;
  }
  if (c.out.empty()) c.until = now + kReaderPatience;
  c.missed = 0;
  c.out.append(missed).append(line).append("\n");
  // One that fails is found, and dropped, when it is served next.
  (void)write_out(c, now);
}

}  // namespace vpnd::bsd
