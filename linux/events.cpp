// SPDX-License-Identifier: ISC
// The reading end of a tunnel's events.
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "core/base/bytes.h"
#include "core/base/error.h"
#include "core/base/line_reader.h"
#include "core/host.h"
#include "core/plan/event_json.h"
#include "linux/control_socket.h"

namespace vpnd::host {

struct Events::State {
  Fd fd;
  LineReader in{plan::kMostEventLine};
  bool ended = false;

  void read() {
    ByteArray<16384> room;
    const auto n = recv(fd.get(), room.data(), room.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    ended = n <= 0 || !in.add(Bytes(room).first(static_cast<std::size_t>(n)));
  }
};

Events::Events(const std::string& name, const Places& places) : state_(std::make_unique<State>()) {
  const std::string chosen = nl::chosen_name(places.run, name);
  if (!chosen.empty()) state_->fd = nl::ask_for_events(places.run, chosen);
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
  using Steady = std::chrono::steady_clock;
  const auto until = Steady::now() + patience;
  while (true) {
    if (auto line = state_->in.line()) return line;
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
