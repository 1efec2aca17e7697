// SPDX-License-Identifier: ISC

// What programs look at: events, wait, metrics; and status again and again.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <thread>

#include "core/plan/metrics.h"
#include "core/plan/status.h"
#include "tools/command.h"
#include "tools/configuration.h"
#include "tools/private_file.h"

namespace vpnd {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

constexpr auto kLookAgain = 200ms;

std::string clock_text() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  localtime_r(&now, &parts);
  return fmt::format("{:02}:{:02}:{:02}", parts.tm_hour, parts.tm_min, parts.tm_sec);
}

bool is_up(const plan::Status& s) {
  return s.report.server || s.report.state == engine::ClientState::up;
}

enum class Goal : std::uint8_t { connected, dns, down };

Goal goal_of(const std::string& word) {
  if (word.empty() || word == "connected") return Goal::connected;
  if (word == "dns") return Goal::dns;
  if (word == "down") return Goal::down;
  throw usage_error(fmt::format("wait: \"{}\" is none of connected, dns, down", word),
                    "\"vpnd help wait\" shows its form");
}

bool reached(Goal goal, const std::string& name, const host::Places& places) {
  const auto json = host::status(name, places);
  if (goal == Goal::down) return !json;
  const auto status = json ? plan::status_from_json(*json) : std::nullopt;
  if (!status || !is_up(*status)) return false;
  return goal == Goal::connected || status->dns_set;
}

// Until something happens to it, or it is time to look again.
void pause(std::optional<host::Events>& events, const std::string& name, const host::Places& places,
           std::chrono::milliseconds most) {
  try {
    if (!events) events.emplace(name, places);
    (void)events->next(most);
    if (events->ended()) events.reset();
  } catch (const Error& e) {
    if (e.code() != Exit::not_running) throw;
    std::this_thread::sleep_for(most);
  }
}

}  // namespace

Exit watch_status(const Arguments& arguments, const std::string& name) {
  const host::Places places = places_of(arguments);
  auto next = Steady::now();
  while (true) {
    const auto json = host::status(name, places);
    if (!json) throw Error("the tunnel has ended", 0, {}, Exit::not_running);
    const auto status = arguments.json ? std::nullopt : plan::status_from_json(*json);
    write_out(status ? clock_text() + "  " + plan::print_line(*status) + "\n" : *json + "\n");
    next += std::chrono::seconds(*arguments.watch);
    std::this_thread::sleep_until(next);
  }
}

namespace {

Exit run_events(const Arguments& arguments) {
  host::Events events(tunnel_name(arguments).name, places_of(arguments));
  while (const auto line = events.next(std::chrono::milliseconds(-1))) write_out(*line + "\n");
  return Exit::not_running;
}

Exit run_wait(const Arguments& arguments) {
  const auto [word, name] = tunnel_name(arguments);
  if (word.empty()) throw usage_error("wait: for which tunnel?", "vpnd wait NAME");
  const Goal goal = goal_of(arguments.wait_for);
  const host::Places places = places_of(arguments);
  const unsigned limit = arguments.timeout.value_or(0);
  const auto until = Steady::now() + std::chrono::seconds(limit);
  std::optional<host::Events> events;
  while (!reached(goal, name, places)) {
    const auto left = until - Steady::now();
    if (limit != 0 && left <= Steady::duration{}) {
      throw Error(fmt::format("\"{}\" is not {} after {} s", word,
                              goal == Goal::down        ? "down"
                              : goal == Goal::connected ? "connected"
                                                        : "connected with its resolvers set",
                              limit),
                  0, {}, Exit::not_running);
    }
    const auto most = std::chrono::ceil<std::chrono::milliseconds>(left);
    pause(events, name, places,
          limit == 0 ? std::chrono::milliseconds(kLookAgain)
                     : std::min<std::chrono::milliseconds>(most, kLookAgain));
  }
  return Exit::ok;
}

Exit run_metrics(const Arguments& arguments) {
  const host::Places places = places_of(arguments);
  const auto [word, name] = tunnel_name(arguments);
  const auto names = name.empty() ? host::running(places) : std::vector<std::string>{name};
  std::vector<plan::Status> all;
  for (const std::string& each : names) {
    const auto json = host::status(each, places);
    if (auto status = json ? plan::status_from_json(*json) : std::nullopt) {
      all.push_back(std::move(*status));
    }
  }
  if (all.empty()) throw not_running_error(word);
  write_out(plan::metrics_text(all));
  return Exit::ok;
}

}  // namespace

Command events_command() {
  return {Command::Group::look,
          "events",
          "[NAME]",
          "what happens to a tunnel, as lines of JSON",
          "a line of JSON for each thing that happens, until the tunnel ends",
          run_events,
          place_options() + Options{config_dir_option()}};
}

Command wait_command() {
  return {Command::Group::look,
          "wait",
          "NAME",
          "until it is connected, has its resolvers, or is down",
          "until a tunnel is connected. Exit 3: not within the time given",
          run_wait,
          Options{{"--for", "STATE",
                   "connected, dns or down: the last one when nothing of that name runs",
                   &Arguments::wait_for},
                  {"--timeout", "SEC", "how long at most; 0, the default: for ever",
                   &Arguments::timeout, 0, 86400}} +
              place_options() + Options{config_dir_option()}};
}

Command metrics_command() {
  return {Command::Group::look,
          "metrics",
          "[NAME]",
          "figures for Prometheus",
          "figures in the text format of Prometheus, of one tunnel or of all",
          run_metrics,
          place_options() + Options{config_dir_option()}};
}

}  // namespace vpnd
