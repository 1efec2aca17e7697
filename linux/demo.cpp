// SPDX-License-Identifier: ISC

// The demo's course: a tunnel between a real server and a real client, with traffic, a look from
// outside, and a comparison of the kernel's state before and after.

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <memory>
#include <numeric>
#include <span>
#include <thread>

#include "core/host.h"
#include "core/plan/status.h"
#include "crypto/random.h"
#include "linux/demo_bed.h"
#include "linux/demo_child.h"
#include "linux/demo_report.h"
#include "linux/demo_state.h"
#include "linux/demo_traffic.h"
#include "linux/demo_watch.h"
#include "linux/fd.h"

namespace vpnd::demo {
namespace {

using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr const char* kInterface = "vpn0";
constexpr milliseconds kStartPatience{15000};
constexpr milliseconds kStopPatience{5000};
constexpr unsigned kClearProbes = 10;

milliseconds since(SteadyClock::time_point start) {
  return std::chrono::duration_cast<milliseconds>(SteadyClock::now() - start);
}

class Course {
 public:
  explicit Course(const host::DemoOptions& options) : options_(options) {}

  Exit run();

 private:
  host::Places places(Place) const;
  std::unique_ptr<Child> start(Place, std::span<const std::string> arguments);
  void remember_states();
  void prove_that_clear_text_is_seen();
  bool bring_up();
  std::optional<plan::Status> status_of(Place);
  void use();
  void ask_for_losses();
  void look_at_the_wire();
  void stop();
  void compare_states();
  void leave_up();
  void show_logs();

  host::DemoOptions options_;
  Report report_;
  Bed bed_;
  std::array<State, 4> before_;
  std::unique_ptr<Watch> watch_;
  std::unique_ptr<Child> target_, server_, client_;
};

host::Places Course::places(Place place) const {
  const std::string folder = fmt::format("{}/{}", bed_.folder(), name(place));
  return {folder + "-state", folder + "-run"};
}

void write_key(const std::string& path) {
  const crypto::Key key = crypto::random_key();
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  const auto bytes = key.bytes();
  if (!file || ::write(file.get(), bytes.data(), bytes.size()) != 32) {
    throw Error("write " + path, errno);
  }
}

std::unique_ptr<Child> Course::start(Place place, std::span<const std::string> arguments) {
  const std::string log =
      options_.verbose ? std::string() : fmt::format("{}/{}.log", bed_.folder(), name(place));
  return std::make_unique<Child>(bed_, place, log, [&] {
    plan::Config config;
    if (place == Place::server) {
      config = plan::server_from_arguments(arguments);
    } else {
      plan::ClientConfig client = plan::client_from_arguments(arguments);
      client.dns.mode = plan::DnsMode::off;  // the machine's own resolver file is in sight
      config = std::move(client);
    }
    return static_cast<int>(host::keep(config, places(place), {}));
  });
}

void Course::remember_states() {
  for (const Place place : kPlaces) {
    bed_.in(place, [&] { before_[static_cast<std::size_t>(place)] = take_state(); });
  }
}

// Without it "0 clear-text packets" could as well mean that nobody looked.
void Course::prove_that_clear_text_is_seen() {
  bed_.in(Place::router, [&] {
    watch_ = std::make_unique<Watch>(Bed::watched_link(), Endpoint{Bed::server_outside(), 443});
  });
  bed_.in(Place::client, [] {
    for (unsigned i = 0; i < kClearProbes; ++i) send_datagram(Bed::target_v4());
    for (unsigned i = 0; i < kClearProbes; ++i) send_datagram(Bed::target_v6());
  });
  Seen seen;
  for (int i = 0; i < 50 && seen.clear < 2 * kClearProbes; ++i) {
    std::this_thread::sleep_for(milliseconds(10));
    const Seen more = watch_->take();
    seen.clear += more.clear;
  }
  report_.line(seen.clear >= 2 * kClearProbes, "the watch sees clear text",
               fmt::format("{} of {} packets sent without a tunnel", seen.clear, 2 * kClearProbes));
}

std::optional<plan::Status> Course::status_of(Place place) {
  std::optional<plan::Status> status;
  bed_.in(place, [&] {
    try {
      if (const auto json = host::status(kInterface, places(place))) {
        status = plan::status_from_json(*json);
      }
    } catch (const Error&) {
      // Not ready to be asked yet.
    }
  });
  return status;
}

bool Course::bring_up() {
  const std::string key = bed_.folder() + "/vpn.key";
  write_key(key);
  target_ = std::make_unique<Child>(bed_, Place::target, "", []() -> int { serve(); });
  const std::array<std::string, 4> server = {key, "auto", "443", kInterface};
  const std::array<std::string, 4> client = {key, Bed::server_outside().text(), "443", kInterface};
  server_ = start(Place::server, server);
  const auto server_start = SteadyClock::now();
  while (!status_of(Place::server) && since(server_start) < kStartPatience &&
         !server_->wait(milliseconds(1))) {
  }
  const auto start_time = SteadyClock::now();
  client_ = start(Place::client, client);
  while (since(start_time) < kStartPatience && !client_->wait(milliseconds(1))) {
    const auto status = status_of(Place::client);
    if (!status || status->report.state != engine::ClientState::up) continue;
    const auto mine = status_of(Place::server);
    return report_.line(
        true, "tunnel up",
        fmt::format("{} ms, {} changes on the client, {} on the server", since(start_time).count(),
                    status->changes_made, mine ? mine->changes_made : 0));
  }
  return report_.line(false, "tunnel up",
                      fmt::format("not within {} s", kStartPatience.count() / 1000));
}

void Course::use() {
  const Tick tick = [this] { watch_->drain(); };
  bed_.in(Place::client, [&] {
    const auto [v4, v6] =
        std::pair(ask_who_am_i(Bed::target_v4(), tick), ask_who_am_i(Bed::target_v6(), tick));
    report_.line(v4 == Bed::server_inside() && v6 == Bed::server_inside_v6(),
                 "target sees the server only", fmt::format("{} and {}", v4.text(), v6.text()));
    const RoundTrips trips = measure_round_trips(Bed::target_v4(), 200, tick);
    report_.line(true, "target answers through it",
                 fmt::format("rtt {:.2f} ms (worst of 200: {:.2f})",
                             static_cast<double>(trips.median.count()) / 1000,
                             static_cast<double>(trips.worst.count()) / 1000));
    const auto rates = measure_download(Bed::target_v4(), milliseconds(3000), tick);
    const double mean = rates.empty() ? 0
                                      : std::accumulate(rates.begin(), rates.end(), 0.0) /
                                            static_cast<double>(rates.size());
    report_.line(mean > 1e6, rate(mean),
                 fmt::format("{}   (download, 3 s, {} cores)", report_.curve(rates),
                             std::thread::hardware_concurrency()));
  });
}

void Course::ask_for_losses() {
  const auto status = status_of(Place::client);
  report_.line(status && status->report.state == engine::ClientState::up &&
                   status->report.counters.reconnects == 0,
               "one session throughout",
               status ? fmt::format("{} reconnects, {} of {} changes still in place",
                                    status->report.counters.reconnects, status->changes_present,
                                    status->changes_made)
                      : "no answer");
}

void Course::look_at_the_wire() {
  const Seen seen = watch_->take();
  report_.line(seen.tunnel > 0 && seen.clear == 0 && seen.lost == 0, "on the wire",
               fmt::format("{} tunnel packets, {} clear-text{}", seen.tunnel, seen.clear,
                           seen.lost > 0 ? fmt::format(", {} not looked at", seen.lost) : ""));
  for (const std::string& sample : seen.samples) report_.note("clear: " + sample);
}

void Course::stop() {
  const auto start_time = SteadyClock::now();
  const auto client = client_->stop(kStopPatience);
  const auto client_time = since(start_time);
  const auto server = server_->stop(kStopPatience);
  report_.line(client == 0 && server == 0, "both stopped",
               fmt::format("exit {} and {}, client in {} ms", client.value_or(-1),
                           server.value_or(-1), client_time.count()));
  target_.reset();
}

void Course::compare_states() {
  std::vector<std::string> left;
  for (const Place place : kPlaces) {
    std::vector<std::string> lines;
    // The kernel takes a removed device apart a little later.
    for (int i = 0; i < 40; ++i) {
      bed_.in(place,
              [&] { lines = differences(before_[static_cast<std::size_t>(place)], take_state()); });
      if (lines.empty()) break;
      std::this_thread::sleep_for(milliseconds(50));
    }
    for (const std::string& line : lines) left.push_back(fmt::format("{}: {}", name(place), line));
  }
  report_.line(left.empty(), "left behind", fmt::format("{} changes", left.size()));
  for (const std::string& line : left) report_.note(line);
}

void Course::leave_up() {
  // By our own descriptors: nobody but root may look through /proc at keepers and engines.
  const auto enter = [this](Place place) {
    return fmt::format("nsenter {}-m -t {} --net=/proc/{}/fd/{}",
                       bed_.as_root() ? "" : "--preserve-credentials -U ", ::getpid(), ::getpid(),
                       bed_.descriptor(place));
  };
  report_.note(fmt::format(
      "\nIt stays up until ^C. From another terminal{}:\n"
      "  {} ip route show table 42069     the client\n"
      "  {} nft list ruleset              the server",
      bed_.as_root() ? "" : ", as the same user", enter(Place::client), enter(Place::server)));
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  const timespec slice{0, 50'000'000};
  // ^C goes to the children as well; either way it is over.
  while (sigtimedwait(&set, nullptr, &slice) < 0 && !client_->wait(milliseconds(0)) &&
         !server_->wait(milliseconds(0))) {
    watch_->drain();
  }
}

void Course::show_logs() {
  for (const auto* child : {&server_, &client_}) {
    if (*child == nullptr) continue;
    report_.note(fmt::format("---- {}", child == &server_ ? "server" : "client"));
    report_.note((*child)->last_lines());
  }
}

Exit Course::run() {
  report_.title();
  remember_states();
  prove_that_clear_text_is_seen();
  try {
    if (bring_up()) {
      use();
      ask_for_losses();
      if (options_.keep) leave_up();
      look_at_the_wire();
      stop();
      compare_states();
    }
  } catch (const Error& error) {
    report_.line(false, "went through", error.what());
  }
  if (!report_.all_held()) show_logs();
  return report_.all_held() ? Exit::ok : Exit::failure;
}

}  // namespace
}  // namespace vpnd::demo

namespace vpnd::host {

Exit demo(const DemoOptions& options) {
  crypto::init();
  return vpnd::demo::Course(options).run();
}

}  // namespace vpnd::host
