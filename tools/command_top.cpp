// SPDX-License-Identifier: ISC

// top: a tunnel on a terminal, four times a second.

#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "core/plan/event_json.h"
#include "core/plan/top.h"
#include "tools/command.h"
#include "tools/configuration.h"
#include "tools/private_file.h"
#include "tools/terminal.h"

namespace vpnd {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

constexpr auto kEvery = 250ms;

TimePoint at_now() {
  return TimePoint(std::chrono::duration_cast<Duration>(Steady::now().time_since_epoch()));
}

class Top {
 public:
  Top(const TunnelName& tunnel, host::Places places)
      : name_(tunnel.name), places_(std::move(places)) {
    if (!look()) throw not_running_error(tunnel.word);
    events_.emplace(name_, places_);
    terminal_.emplace();
  }

  // Until a key or a signal ends it, or the tunnel has ended.
  Exit run() {
    while (terminal_->ended_by() == 0) {
      draw();
      const char key = terminal_->wait(std::chrono::duration_cast<std::chrono::milliseconds>(
                                           std::max(next_ - Steady::now(), Steady::duration{})),
                                       events_ ? events_->descriptor() : -1);
      if (key == 'q') return Exit::ok;
      if (key == 'p') paused_ = !paused_;
      if (key == 'j') terminal_->aside(json_ + "\nany key goes on\n");
      read_events();
      if (Steady::now() >= next_ && !look()) return Exit::not_running;
    }
    return Exit::ok;
  }
  int ended_by() const noexcept { return terminal_->ended_by(); }

 private:
  void draw() {
    const Terminal::Size size = terminal_->size();
    terminal_->draw(plan::top_lines(history_, {.width = size.width,
                                               .height = size.height,
                                               .utf8 = terminal_->utf8(),
                                               .colour = terminal_->colour(),
                                               .paused = paused_}));
  }

  bool look() {
    next_ = Steady::now() + kEvery;
    const auto json = host::status(name_, places_);
    if (!json) return false;
    if (paused_) return true;
    auto status = plan::status_from_json(*json);
    if (!status) throw Error("this tunnel's status cannot be read", 0, "it is of another version");
    json_ = *json;
    history_.add(std::move(*status), at_now());
    return true;
  }

  void read_events() {
    while (events_) {
      const auto line = events_->next(0ms);
      if (line && !paused_) history_.add_event(plan::event_text(*line));
      if (line) continue;
      if (events_->ended()) events_.reset();
      return;
    }
  }

  std::string name_;
  host::Places places_;
  plan::TopHistory history_;
  std::string json_;
  Steady::time_point next_{};
  bool paused_ = false;
  std::optional<host::Events> events_;
  std::optional<Terminal> terminal_;
};

Exit run_top(const Arguments& arguments) {
  const TunnelName tunnel = tunnel_name(arguments);
  int number = 0;
  Exit end = Exit::ok;
  {
    Top top(tunnel, places_of(arguments));
    end = top.run();
    number = top.ended_by();
  }
  if (end == Exit::not_running) throw Error("the tunnel has ended", 0, {}, Exit::not_running);
  if (number == 0) return end;
  // As if it had never been caught, but on a terminal that is as it was.
  std::signal(number, SIG_DFL);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, number);
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
  std::raise(number);
  return Exit::failure;
}

}  // namespace

Command top_command() {
  return {Command::Group::look,
          "top",
          "[NAME]",
          "a live view on a terminal",
          "a live view of a tunnel. q ends it, p pauses it, j shows the JSON",
          run_top,
          place_options() + Options{config_dir_option()}};
}

}  // namespace vpnd
