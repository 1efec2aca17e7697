// SPDX-License-Identifier: ISC
// The seam's commands about tunnels that run, or ran: by the control socket, and by what is noted.

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include "bsd/control_socket.h"
#include "bsd/control_words.h"
#include "bsd/local_socket.h"
#include "bsd/native.h"
#include "bsd/network.h"
#include "core/base/bytes.h"
#include "core/base/error.h"
#include "core/base/line_reader.h"
#include "core/host.h"
#include "core/plan/event_json.h"

namespace vpnd::host {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kAgain{50};

// nullopt: nothing of that name runs.
std::optional<std::string> ask(const std::string& name, const Places& places, bsd::Request what) {
  const std::string chosen = bsd::chosen_name(places.run, name);
  return chosen.empty() ? std::nullopt : bsd::ask(places.run, chosen, what);
}

// Is it readable before then? For ever: a negative patience.
bool wait_for(int fd, std::chrono::milliseconds patience, Steady::time_point until) {
  pollfd p{fd, POLLIN, 0};
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Steady::now()).count();
    const auto ms = patience.count() < 0 ? -1 : std::clamp<std::int64_t>(left, 0, 1 << 30);
    const int n = ::poll(&p, 1, static_cast<int>(ms));
    if (n > 0) return true;
    if (n == 0 || errno != EINTR) return false;
  }
}

}  // namespace

std::vector<std::string> running(const Places& places) {
  return bsd::control_names(places.run);
}

std::optional<std::string> status(const std::string& name, const Places& places) {
  return ask(name, places, bsd::Request::status);
}

bool confirm(const std::string& name, const Places& places) {
  return ask(name, places, bsd::Request::confirm).has_value();
}

std::optional<plan::Reloaded> reload(const std::string& name, const Places& places) {
  const auto answer = ask(name, places, bsd::Request::reload);
  return answer ? plan::reloaded_from(*answer) : std::nullopt;
}

// One that answers others only is one that runs.
bool runs(const std::string& name, const Places& places) {
  return bsd::connect_locally(bsd::control_path(places.run, name)) || errno == EACCES;
}

// The connection of who is being served ends with the process; others are turned away at once.
bool stop(const std::string& name, const Places& places, std::chrono::seconds patience) {
  const auto until = Steady::now() + patience;
  bsd::Fd fd = bsd::begin_request(places.run, name, bsd::Request::stop);
  if (!fd) return false;
  std::string said;
  while (wait_for(fd.get(), std::max(patience, std::chrono::seconds{}), until)) {
    ByteArray<64> room;
    const auto n = ::recv(fd.get(), room.data(), room.size(), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (n > 0 && said.size() < room.size()) said.append(room.begin(), room.begin() + n);
    if (n > 0) continue;
    bsd::throw_if_denied(said);
    if (said == bsd::kStopping) return true;
    std::this_thread::sleep_for(kAgain);
    fd = bsd::begin_request(places.run, name, bsd::Request::stop);
    if (!fd) return true;
    said.clear();
  }
  throw Error(fmt::format("{} was told to stop, and has not within {} s", name, patience.count()),
              0, {}, Exit::temporary);
}

std::vector<std::string> cleanup(const std::string& interface, const Places& places) {
  return bsd::clean_up(bsd::real_system(), bsd::native(), places.state, interface);
}

// ---- events

struct Events::State {
  bsd::Fd fd;
  LineReader in{plan::kMostEventLine};
  bool ended = false;

  void read() {
    ByteArray<16384> room;
    const auto n = ::recv(fd.get(), room.data(), room.size(), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    ended = n <= 0 || !in.add(Bytes(room).first(static_cast<std::size_t>(n)));
  }
};

Events::Events(const std::string& name, const Places& places) : state_(std::make_unique<State>()) {
  const std::string chosen = bsd::chosen_name(places.run, name);
  if (!chosen.empty()) {
    state_->fd = bsd::begin_request(places.run, chosen, bsd::Request::events);
  }
  if (!state_->fd) throw not_running_error(name);
}

Events::Events(Events&&) noexcept = default;
Events& Events::operator=(Events&&) noexcept = default;
Events::~Events() = default;

int Events::descriptor() const noexcept {
  return state_->fd.get();
}

bool Events::ended() const noexcept {
  return state_->ended;
}

std::optional<std::string> Events::next(std::chrono::milliseconds patience) {
  const auto until = Steady::now() + patience;
  for (;;) {
    if (auto line = state_->in.line()) return line;
    if (state_->ended || !wait_for(state_->fd.get(), patience, until)) return std::nullopt;
    state_->read();
  }
}

}  // namespace vpnd::host
