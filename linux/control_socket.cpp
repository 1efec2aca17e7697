// SPDX-License-Identifier: ISC
#include "linux/control_socket.h"

#include <dirent.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <utility>

#include "core/base/error.h"
#include "linux/local_socket.h"
#include "linux/state_dir.h"

namespace vpnd::nl {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostRequest = 64, kMostAnswer = 64 * 1024 * 1024;
constexpr Duration kPatience = 2s;
// A reader of events who takes nothing for so long is gone, or might as well be.
constexpr Duration kReaderPatience = 60s;
constexpr std::string_view kSuffix = ".sock", kDenied = "denied\n";

struct Word {
  Request request;
  std::string_view line;
  bool changes;  // for root and the daemon's own user only
};
constexpr std::array<Word, 4> kWords{{{Request::status, "status\n", false},
                                      {Request::events, "events\n", false},
                                      {Request::confirm, "confirm\n", true},
                                      {Request::reload, "reload\n", true}}};

std::string_view line_of(Request request) noexcept {
  return std::ranges::find(kWords, request, &Word::request)->line;
}

std::string path_of(const std::string& directory, const std::string& name) {
  return directory + "/" + name + std::string(kSuffix);
}

Error denied() {
  return Error("this tunnel answers root, its own user and, to look, members of its group", 0, {},
               Exit::permission, "see control.group in vpnd.toml(5)");
}

Fd connect_to(const std::string& directory, const std::string& name) {
  Fd fd = connect_locally(path_of(directory, name));
  if (!fd && errno == EACCES) throw denied();
  return fd;
}

bool send_request(const Fd& fd, Request request) noexcept {
  const std::string_view line = line_of(request);
  return send(fd.get(), line.data(), line.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(line.size());
}

}  // namespace

ControlSocket::ControlSocket(const std::string& directory, const std::string& name,
                             std::optional<gid_t> group)
    : path_(path_of(directory, name)), group_(group) {
  make_directories(directory, 0755);
  listener_ = listen_locally(path_, group);
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
  for (const Reader& r : readers_) {
    fds.push_back({r.fd.get(), static_cast<short>(r.out.empty() ? POLLIN : POLLIN | POLLOUT), 0});
  }
}

void ControlSocket::accept_all(TimePoint now) {
  while (Fd fd = accept_local(listener_, clients_.size() < kMostClients)) {
    const Standing who = standing(fd, group_);
    if (who == Standing::none) continue;
    Client c;
    c.fd = std::move(fd);
    c.may_change = who == Standing::owner;
    c.until = now + kPatience;
    clients_.push_back(std::move(c));
  }
}

void ControlSocket::serve(TimePoint now) {
  accept_all(now);
  std::erase_if(clients_, [&](Client& c) {
    if (now >= c.until || !progress(c)) return true;
    if (!c.streams) return false;
    if (readers_.size() < kMostReaders) readers_.emplace_back().fd = std::move(c.fd);
    return true;
  });
  std::erase_if(readers_, [now](Reader& r) { return now >= r.until || !progress(r, now); });
}

void ControlSocket::refuse(Client& c) {
  (void)send(c.fd.get(), kDenied.data(), kDenied.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

bool ControlSocket::progress(Client& c) {
  if (!c.asked) {
    ByteArray<kMostRequest> room;
    const auto n = recv(c.fd.get(), room.data(), room.size(), MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    if (n == 0) return false;
    c.in.append(room.begin(), room.begin() + n);
    if (c.in.find('\n') == std::string::npos) return c.in.size() < kMostRequest;
    const auto word = std::ranges::find(kWords, c.in, &Word::line);
    if (word == kWords.end()) return false;
    if (word->changes && !c.may_change) {
      refuse(c);
      return false;
    }
    c.asked = true;
    c.confirms = word->request == Request::confirm;
    c.reloads = word->request == Request::reload;
    c.streams = word->request == Request::events;
    return true;
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
  return std::ranges::any_of(
      clients_, [](const Client& c) { return c.asked && !c.reloads && c.out.empty(); });
}

bool ControlSocket::wants_reload() const noexcept {
  return std::ranges::any_of(clients_, [](const Client& c) { return c.reloads && c.out.empty(); });
}

bool ControlSocket::take_confirmation() noexcept {
  bool any = false;
  for (Client& c : clients_) any = std::exchange(c.confirms, false) || any;
  return any;
}

void ControlSocket::answer(const std::string& json) noexcept {
  answer(false, json);
}

void ControlSocket::answer_reload(const std::string& text) noexcept {
  answer(true, text);
}

void ControlSocket::answer(bool reload, const std::string& text) noexcept {
  for (Client& c : clients_) {
    if (c.asked && c.reloads == reload && c.out.empty()) c.out = text;
  }
  std::erase_if(clients_, [](Client& c) { return !c.out.empty() && !progress(c); });
}

TimePoint ControlSocket::next_deadline() const noexcept {
  TimePoint next = kNever;
  for (const Client& c : clients_) next = std::min(next, c.until);
  for (const Reader& r : readers_) next = std::min(next, r.until);
  return next;
}

// ---- events

bool ControlSocket::newcomers() const noexcept {
  return std::ranges::any_of(readers_, [](const Reader& r) { return !r.greeted; });
}

void ControlSocket::greet(std::string_view line, TimePoint now) {
  for (Reader& r : readers_) {
    if (!std::exchange(r.greeted, true)) queue(r, line, now, {});
  }
  std::erase_if(readers_, [now](Reader& r) { return !progress(r, now); });
}

void ControlSocket::announce(std::string_view line, TimePoint now, const Gap& gap) {
  for (Reader& r : readers_) {
    if (r.greeted) queue(r, line, now, gap);
  }
  std::erase_if(readers_, [now](Reader& r) { return !progress(r, now); });
}

void ControlSocket::queue(Reader& r, std::string_view line, TimePoint now, const Gap& gap) {
  const std::string missed = r.missed == 0 ? std::string() : gap(r.missed) + "\n";
  if (r.out.size() + missed.size() + line.size() + 1 > kMostQueued) {
    ++r.missed;
    return;
  }
  if (r.out.empty()) r.until = now + kReaderPatience;
  r.missed = 0;
  r.out += missed;
  r.out += line;
  r.out += '\n';
}

bool ControlSocket::progress(Reader& r, TimePoint now) {
  ByteArray<kMostRequest> room;
  const auto heard = recv(r.fd.get(), room.data(), room.size(), MSG_DONTWAIT);
  // A reader has nothing more to say.
  if (heard >= 0 || (errno != EAGAIN && errno != EINTR)) return false;
  while (!r.out.empty()) {
    const auto n = send(r.fd.get(), r.out.data(), r.out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    r.out.erase(0, static_cast<std::size_t>(n));
    r.until = now + kReaderPatience;
  }
  r.until = kNever;
  return true;
}

// ---- the other end

std::vector<std::string> control_names(const std::string& directory) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(directory.c_str()), closedir);
  while (dir) {
    const dirent* entry = readdir(dir.get());
    if (entry == nullptr) break;
    const std::string_view file = entry->d_name;
    if (!file.ends_with(kSuffix)) continue;
    std::string name(file.substr(0, file.size() - kSuffix.size()));
    // One that answers others only is one that runs.
    if (connect_locally(path_of(directory, name)) || errno == EACCES) {
      names.push_back(std::move(name));
    }
  }
  std::ranges::sort(names);
  return names;
}

Fd process_of(const std::string& directory, const std::string& name) {
  // As long as it has not hung up its number is nobody else's.
  const Fd fd = connect_to(directory, name);
  ucred who{};
  socklen_t size = sizeof who;
  if (!fd || getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &who, &size) < 0) return {};
  return Fd(static_cast<int>(syscall(SYS_pidfd_open, who.pid, 0)));
}

std::string chosen_name(const std::string& directory, const std::string& name) {
  if (!name.empty()) return name;
  const std::vector<std::string> names = control_names(directory);
  if (names.size() > 1) {
    throw usage_error(fmt::format("several tunnels run: {}", fmt::join(names, " ")),
                      "Name one of them: vpnd status " + names.front());
  }
  return names.empty() ? std::string() : names.front();
}

std::optional<std::string> ask(const std::string& directory, const std::string& name,
                               Request request) {
  const Fd fd = connect_to(directory, name);
  if (!fd || !send_request(fd, request)) return std::nullopt;
  std::string out;
  ByteArray<16384> room;
  while (out.size() < kMostAnswer) {
    const auto n = recv(fd.get(), room.data(), room.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    out.append(room.begin(), room.begin() + n);
  }
  if (out.empty()) return std::nullopt;
  if (out == kDenied) throw denied();
  return out;
}

Fd ask_for_events(const std::string& directory, const std::string& name) {
  Fd fd = connect_to(directory, name);
  if (fd && !send_request(fd, Request::events)) fd.reset();
  return fd;
}

}  // namespace vpnd::nl
