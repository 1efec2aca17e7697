// SPDX-License-Identifier: ISC
// The reading end of a tunnel's events.
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "core/base/bytes.h"
#include "core/host.h"
#include "linux/control_socket.h"

namespace vpnd::host {
namespace {

// Longer than any line that a keeper writes.
constexpr std::size_t kMostLine = 1 << 20;

}  // namespace

struct Events::State {
  Fd fd;
  std::string in;
  bool ended = false;

  std::optional<std::string> line() {
    const std::size_t end = in.find('\n');
    if (end == std::string::npos) return std::nullopt;
    std::string out = in.substr(0, end);
    in.erase(0, end + 1);
    return out;
  }

  void read() {
    ByteArray<16384> room;
    const auto n = recv(fd.get(), room.data(), room.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0 || in.size() > kMostLine) {
      ended = true;
      return;
    }
    in.append(room.begin(), room.begin() + n);
  }
};

Events::Events(const std::string& name, const Places& places) : state_(std::make_unique<State>()) {
  const std::string chosen = nl::chosen_name(places.run, name);
  if (!chosen.empty()) state_->fd = nl::ask_for_events(places.run, chosen);
  if (!state_->fd) {
    throw Error(name.empty() ? "no tunnel runs" : "no tunnel \"" + name + "\" runs", 0, {},
                Exit::not_running);
  }
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
  using Steady = std::chrono::steady_clock;
  const auto until = Steady::now() + patience;
  while (true) {
    if (auto line = state_->line()) return line;
    if (state_->ended) return std::nullopt;
    pollfd p{state_->fd.get(), POLLIN, 0};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Steady::now());
    const bool for_ever = patience.count() < 0;
    const int ms =
        for_ever ? -1 : static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1 << 30));
    const int ready = poll(&p, 1, ms);
    if (ready == 0) return std::nullopt;
    if (ready > 0) state_->read();
  }
}

}  // namespace vpnd::host
