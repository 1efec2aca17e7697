// SPDX-License-Identifier: ISC
#include "linux/demo_course.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <thread>
#include <utility>

#include "crypto/random.h"
#include "linux/demo_traffic.h"
#include "linux/demo_view.h"
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

void write_key(const std::string& path) {
  const crypto::Key key = crypto::random_key();
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  const auto bytes = key.bytes();
  if (!file || ::write(file.get(), bytes.data(), bytes.size()) != 32) {
    throw Error("write " + path, errno);
  }
}

}  // namespace

host::Places Course::places(Place place) const {
  const std::string folder = fmt::format("{}/{}", bed_.folder(), name(place));
  return {folder + "-state", folder + "-run"};
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
  story_.wire.probes_sent = 2 * kClearProbes;
  story_.wire.probes_seen = seen.clear;
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

void Course::start_client() {
  const std::array<std::string, 4> client = {bed_.folder() + "/vpn.key",
                                             Bed::server_outside().text(), "443", kInterface};
  client_start_ = SteadyClock::now();
  client_ = start(Place::client, client);
}

std::optional<milliseconds> Course::wait_for_client() {
  while (since(client_start_) < kStartPatience && !client_->wait(milliseconds(1))) {
    watch_->drain();
    const auto status = status_of(Place::client);
    if (status && status->report.state == engine::ClientState::up) return since(client_start_);
  }
  return std::nullopt;
}

bool Course::bring_up() {
  const std::string key = bed_.folder() + "/vpn.key";
  write_key(key);
  target_ = std::make_unique<Child>(bed_, Place::target, "", []() -> int { serve(); });
  const std::array<std::string, 4> server = {key, "auto", "443", kInterface};
  server_ = start(Place::server, server);
  const auto server_start = SteadyClock::now();
  while (!status_of(Place::server) && since(server_start) < kStartPatience &&
         !server_->wait(milliseconds(1))) {
  }
  start_client();
  const auto took = wait_for_client();
  if (!took) {
    return report_.line(false, "tunnel up",
                        fmt::format("not within {} s", kStartPatience.count() / 1000));
  }
  const auto theirs = status_of(Place::client), ours = status_of(Place::server);
  return report_.line(
      true, "tunnel up",
      fmt::format("{} ms, {} changes on the client, {} on the server", took->count(),
                  theirs ? theirs->changes_made : 0, ours ? ours->changes_made : 0));
}

void Course::look_at_hosts(View Host::*moment) {
  for (Host& host : story_.hosts) {
    const Place place = host.name == name(Place::client) ? Place::client : Place::server;
    bed_.in(place, [&] { host.*moment = take_view(); });
  }
}

void Course::look_at_the_wire() {
  const Seen last = count_the_wire();
  const Wire& seen = story_.wire;
  report_.line(seen.tunnel > 0 && seen.clear == 0 && seen.lost == 0, "on the wire",
               fmt::format("{} tunnel packets, {} clear-text{}", seen.tunnel, seen.clear,
                           seen.lost > 0 ? fmt::format(", {} not looked at", seen.lost) : ""));
  for (const std::string& sample : last.samples) report_.note("clear: " + sample);
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
  story_.left_behind = left.size();
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

void Course::go_through() {
  if (!bring_up()) return;
  look_at_hosts(&Host::during);
  ask();
  carry();
  look_for_losses();
  pull_uplink();
  kill_client();
  sampler_->stop();
  if (options_.keep) leave_up();
  look_at_the_wire();
  stop();
  compare_states();
  look_at_hosts(&Host::after);
}

Story Course::run() {
  report_.title();
  remember_states();
  story_.hosts = {{name(Place::client), {}, {}, {}}, {name(Place::server), {}, {}, {}}};
  look_at_hosts(&Host::before);
  prove_that_clear_text_is_seen();
  try {
    go_through();
  } catch (const Error& error) {
    report_.line(false, "went through", error.what());
  }
  if (!report_.all_held()) show_logs();
  if (sampler_) story_.traffic = sampler_->look();
  story_.held = report_.all_held();
  story_.proofs = report_.lines();
  return std::move(story_);
}

}  // namespace vpnd::demo
