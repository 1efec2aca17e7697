// SPDX-License-Identifier: ISC

// What the demo's tunnel goes through.

#include <fmt/format.h>

#include <csignal>
#include <thread>
#include <utility>

#include "linux/demo_course.h"
#include "linux/demo_traffic.h"

namespace vpnd::demo {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr milliseconds kSteady{3000};  // traffic before anything happens to it
constexpr milliseconds kUnplugged{2000};
constexpr milliseconds kKilled{500};       // until the client is started again
constexpr milliseconds kAfterwards{1500};  // traffic after each
constexpr milliseconds kAnswerPatience{10000}, kDownloadPatience{3000};
constexpr unsigned kLeakProbes = 10;  // of each family

double milliseconds_of(microseconds time) {
  return static_cast<double>(time.count()) / 1000;
}

}  // namespace

void Course::let_pass(milliseconds how_long) {
  const auto end = SteadyClock::now() + how_long;
  do {
    watch_->drain();
    sampler_->look();
    std::this_thread::sleep_for(milliseconds(10));
  } while (SteadyClock::now() < end);
}

// Echoes are answered as soon as the tunnel carries. The target's TCP waits longer each time before
// it tries again (RFC 6298 5.5), and so the download may come later; that is not waited for long.
std::optional<std::string> Course::wait_for_traffic(microseconds since) {
  const auto after = [&](std::optional<microseconds> moment) {
    return std::chrono::ceil<milliseconds>(*moment - since).count();
  };
  const auto end = SteadyClock::now() + kAnswerPatience;
  auto answer = sampler_->next_answer(since);
  for (; !answer && SteadyClock::now() < end; answer = sampler_->next_answer(since)) {
    let_pass(milliseconds(10));
  }
  if (!answer) return std::nullopt;
  auto download = sampler_->next_arrival(since);
  for (; !download && sampler_->now() < *answer + kDownloadPatience;
       download = sampler_->next_arrival(since)) {
    let_pass(milliseconds(10));
  }
  return fmt::format("answers after {} ms, the download goes on {}", after(answer),
                     download ? fmt::format("after {} ms", after(download)) : "later");
}

void Course::ask() {
  const Tick tick = [this] { watch_->drain(); };
  bed_.in(Place::client, [&] {
    const auto [v4, v6] =
        std::pair(ask_who_am_i(Bed::target_v4(), tick), ask_who_am_i(Bed::target_v6(), tick));
    report_.line(v4 == Bed::server_inside() && v6 == Bed::server_inside_v6(),
                 "target sees the server only", fmt::format("{} and {}", v4.text(), v6.text()));
    const RoundTrips trips = measure_round_trips(Bed::target_v4(), 200, tick);
    report_.line(true, "target answers through it",
                 fmt::format("rtt {:.2f} ms (worst of 200: {:.2f})", milliseconds_of(trips.median),
                             milliseconds_of(trips.worst)));
  });
}

void Course::carry() {
  constexpr milliseconds kStep{250};  // of the curve on the terminal
  sampler_ = std::make_unique<Sampler>(bed_);
  let_pass(kSteady);
  std::vector<double> rates;
  for (microseconds from{}; from < kSteady; from += kStep) {
    rates.push_back(sampler_->rate(from, from + kStep));
  }
  const double mean = sampler_->rate(microseconds(0), sampler_->now());
  report_.line(mean > 1e6, rate(mean),
               fmt::format("{}   (download, {} s, {} cores)", report_.curve(rates),
                           kSteady.count() / 1000, std::thread::hardware_concurrency()));
}

void Course::look_for_losses() {
  const auto status = status_of(Place::client);
  report_.line(status && status->report.state == engine::ClientState::up &&
                   status->report.counters.reconnects == 0,
               "one session",
               status ? fmt::format("{} reconnects, {} of {} changes still in place",
                                    status->report.counters.reconnects, status->changes_present,
                                    status->changes_made)
                      : "no answer");
}

void Course::pull_uplink() {
  bed_.pull_uplink();
  story_.moments.unplugged = sampler_->now();
  let_pass(kUnplugged);
  bed_.plug_uplink();
  const auto plugged = sampler_->now();
  story_.moments.plugged = plugged;
  const auto took = wait_for_traffic(plugged);
  report_.line(took.has_value(), fmt::format("uplink pulled for {} s", kUnplugged.count() / 1000),
               took.value_or("nothing is answered any more"));
  let_pass(kAfterwards);
}

// As any program of the client's would that knows nothing of the tunnel.
void Course::try_to_leak() {
  unsigned refused = 0;
  for (unsigned i = 0; i < kLeakProbes; ++i) {
    bed_.in(Place::client, [&] {
      for (const Address& target : {Bed::target_v4(), Bed::target_v6()}) {
        if (!send_datagram(target)) ++refused;
      }
    });
    let_pass(kKilled / kLeakProbes);
  }
  const Seen seen = count_the_wire();
  report_.line(seen.clear == 0 && seen.lost == 0, "client killed",
               fmt::format("{} of {} datagrams leaked, {} refused at once", seen.clear,
                           2 * kLeakProbes, refused));
  for (const std::string& sample : seen.samples) report_.note("clear: " + sample);
}

void Course::kill_client() {
  count_the_wire();
  ::kill(client_->pid(), SIGKILL);
  story_.moments.killed = sampler_->now();
  (void)client_->wait(milliseconds(1000));
  try_to_leak();
  const auto again = sampler_->now();
  story_.moments.started_again = again;
  start_client();
  const auto up = wait_for_client();
  const auto took = up ? wait_for_traffic(again) : std::nullopt;
  report_.line(took.has_value(), "client started again",
               took ? fmt::format("up in {} ms, {}", up->count(), *took)
                    : std::string("nothing is answered any more"));
  let_pass(kAfterwards);
  const unsigned connections = sampler_->look().connections;
  report_.line(
      connections == 1, "one download throughout",
      fmt::format("{} TCP connection{} through both", connections, connections == 1 ? "" : "s"));
}

Seen Course::count_the_wire() {
  Seen seen = watch_->take();
  story_.wire.tunnel += seen.tunnel;
  story_.wire.neighbours += seen.neighbours;
  story_.wire.clear += seen.clear;
  story_.wire.lost += seen.lost;
  return seen;
}

}  // namespace vpnd::demo
