// SPDX-License-Identifier: ISC
#include "tests/load/scenarios.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <numeric>
#include <thread>

#include "core/base/error.h"

namespace vpnd::load {
namespace {

using namespace std::chrono_literals;

constexpr Duration kWarmUp = 150ms, kPingEvery = 1ms;
constexpr Duration kLast = 100ms;      // for answers that are on their way
constexpr double kStoppedRate = 60e6;  // bytes a second for the one that stops reading

double seconds_of(Duration d) {
  return std::chrono::duration<double>(d).count();
}

Duration duration_of(double seconds) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

double quantile(std::vector<double> all, double q) {
  if (all.empty()) return -1;
  std::ranges::sort(all);
  return all[static_cast<std::size_t>(q * static_cast<double>(all.size() - 1))];
}

std::string list(const std::vector<double>& values) {
  return fmt::format("[{:.3f}]", fmt::join(values, ","));
}

Address source(const Options& o, std::size_t i) {
  const std::uint32_t first = load_be32(o.first_source.bytes().data());
  ByteArray<4> bytes;
  store_be32(bytes.data(), first + static_cast<std::uint32_t>(i % o.sources));
  return Address::v4(bytes);
}

// Waits until all are up; how long that took from the first one's start, negative: too long.
double connect_all(Swarm& swarm, const Options& o) {
  const TimePoint start = swarm.members().front()->started;
  while (swarm.up() < swarm.members().size()) {
    swarm.turn(5ms);
    if (seconds_of(swarm.now().mono - start) > o.within) return -1;
  }
  TimePoint last{};
  for (const auto& m : swarm.members()) last = std::max(last, m->up_at);
  return seconds_of(last - start);
}

void add(Swarm& swarm, const Options& o, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) swarm.add(source(o, swarm.members().size()));
}

void connect_or_throw(Swarm& swarm, const Options& o) {
  Options patient = o;
  patient.within = std::max(o.within, 30.0);
  if (connect_all(swarm, patient) < 0) throw Error("not all clients are up", 0);
}

// A few at a time, where connecting is not what is measured.
void add_up(Swarm& swarm, const Options& o, std::size_t count) {
  for (std::size_t i = 0; i < count; i += 16) {
    add(swarm, o, std::min<std::size_t>(16, count - i));
    connect_or_throw(swarm, o);
  }
}

std::vector<std::size_t> first(std::size_t n) {
  std::vector<std::size_t> out(n);
  std::iota(out.begin(), out.end(), std::size_t{0});
  return out;
}

// ---- connect

std::string connect(const Options& o) {
  const Key key(o.key);
  Swarm swarm(o.server, key);
  add(swarm, o, o.clients);
  const double all = connect_all(swarm, o);
  std::vector<double> each;
  unsigned dials = 0;
  for (const auto& m : swarm.members()) {
    if (m->up_at != kNever) each.push_back(seconds_of(m->up_at - swarm.members()[0]->started));
    dials += m->dials;
  }
  return fmt::format(R"({{"clients":{},"sources":{},"up":{},"seconds":{:.3f},"median":{:.3f},)"
                     R"("p99":{:.3f},"dials":{}}})",
                     o.clients, o.sources, each.size(), all, quantile(each, 0.5),
                     quantile(each, 0.99), dials);
}

// ---- share

struct Rates {
  double total = 0;  // bits a second
  double worst = 0;  // of the fair share
};

Rates measure(Swarm& swarm, Traffic& traffic, const Options& o,
              const std::vector<std::size_t>& who) {
  traffic.transfer(who, o.direction);
  traffic.run_for(kWarmUp);
  std::vector<std::uint64_t> before;
  for (const std::size_t i : who) before.push_back(traffic.arrived(i));
  (void)traffic.take_pings();
  const TimePoint start = swarm.now().mono;
  traffic.run_for(duration_of(o.seconds));
  const double took = seconds_of(swarm.now().mono - start);
  std::vector<double> rates;
  for (std::size_t i = 0; i < who.size(); ++i) {
    rates.push_back(static_cast<double>(traffic.arrived(who[i]) - before[i]) * 8 / took);
  }
  Rates r;
  r.total = std::accumulate(rates.begin(), rates.end(), 0.0);
  r.worst = *std::ranges::min_element(rates) * static_cast<double>(who.size()) / r.total;
  return r;
}

// What is still on its way when transfers stop would count for the next ones.
void settle(Traffic& traffic) {
  traffic.transfer({}, Direction::down);
  traffic.run_for(kWarmUp);
}

std::string share(const Options& o) {
  const Key key(o.key);
  Swarm swarm(o.server, key);
  add_up(swarm, o, o.clients);
  Traffic traffic(swarm, o.far_end, o.window);
  std::vector<double> one, total, worst, p50, p99;
  for (int i = 0; i < o.rounds; ++i) {
    traffic.ping_every({}, 0);
    one.push_back(measure(swarm, traffic, o, {o.clients - 1}).total / 1e9);
    settle(traffic);
    traffic.ping_every(kPingEvery, o.clients);
    const Rates r = measure(swarm, traffic, o, first(o.moving));
    total.push_back(r.total / 1e9);
    worst.push_back(r.worst);
    std::vector<double> ms;
    for (const Duration d : traffic.take_pings()) ms.push_back(seconds_of(d) * 1000);
    p50.push_back(quantile(ms, 0.5));
    p99.push_back(quantile(ms, 0.99));
    settle(traffic);
  }
  return fmt::format(R"({{"clients":{},"moving":{},"one_gbit":{},"total_gbit":{},"worst":{},)"
                     R"("ping_p50_ms":{},"ping_p99_ms":{}}})",
                     o.clients, o.moving, list(one), list(total), list(worst), list(p50),
                     list(p99));
}

// ---- stopped

// The last client is sent more than it takes while it does not read.
std::vector<double> pings_beside(Swarm& swarm, Traffic& traffic, const Options& o, bool reads) {
  Member& last = *swarm.members().back();
  const std::uint64_t before = traffic.arrived(last.number);
  const Duration time = duration_of(o.seconds) + 2 * kWarmUp;
  if (o.rate > 0) {
    traffic.flood(first(o.moving), o.rate, time);
  } else {
    traffic.transfer(first(o.moving), o.direction);
  }
  for (int i = 0; i < 50 && traffic.arrived(last.number) == before; ++i) {
    traffic.flood({last.number}, kStoppedRate, time);
    traffic.run_for(50ms);
  }
  if (traffic.arrived(last.number) == before) throw Error("the last client gets nothing", 0);
  swarm.set_reading(last, reads);
  traffic.run_for(kWarmUp);
  (void)traffic.take_pings();
  traffic.ping_every(kPingEvery, o.clients - 1);
  const std::uint64_t sent = traffic.pings_sent();
  traffic.run_for(duration_of(o.seconds));
  traffic.ping_every({}, 0);
  traffic.run_for(kLast);
  std::vector<double> ms;
  for (const Duration d : traffic.take_pings()) ms.push_back(seconds_of(d) * 1000);
  // One that is lost took longer than any that is not.
  ms.resize(static_cast<std::size_t>(traffic.pings_sent() - sent), o.seconds * 1000);
  swarm.set_reading(last, true);
  traffic.flood({last.number}, 0, {});
  settle(traffic);
  return ms;
}

std::string stopped(const Options& o) {
  const Key key(o.key);
  Swarm swarm(o.server, key);
  add_up(swarm, o, o.clients);
  Traffic traffic(swarm, o.far_end, o.window);
  std::vector<double> p50[2], p99[2];
  for (int i = 0; i < 2 * o.rounds; ++i) {
    const int stops = i % 2;
    const std::vector<double> ms = pings_beside(swarm, traffic, o, stops == 0);
    p50[stops].push_back(quantile(ms, 0.5));
    p99[stops].push_back(quantile(ms, 0.99));
  }
  unsigned again = 0;
  for (const auto& m : swarm.members()) again += m->times_up - 1;
  return fmt::format(R"({{"clients":{},"moving":{},"reading_p50_ms":{},"reading_p99_ms":{},)"
                     R"("stopped_p50_ms":{},"stopped_p99_ms":{},"reconnects":{}}})",
                     o.clients, o.moving, list(p50[0]), list(p99[0]), list(p50[1]), list(p99[1]),
                     again);
}

// ---- idle

double resident_kb(int pid) {
  std::ifstream file(fmt::format("/proc/{}/status", pid));
  for (std::string word; file >> word;) {
    double kb = 0;
    if (word == "VmRSS:" && file >> kb) return kb;
  }
  throw Error("read the server's memory", 0);
}

void move_bytes(Swarm& swarm, const Options& o, std::size_t from) {
  Traffic traffic(swarm, o.far_end, o.window);
  for (const Direction d : {Direction::down, Direction::up}) {
    for (std::size_t i = from; i < swarm.members().size(); ++i) {
      traffic.transfer({i}, d);
      const std::uint64_t until = traffic.arrived(i) + o.bytes / 2;
      while (traffic.arrived(i) < until) traffic.run_for(1ms);
    }
  }
  settle(traffic);
}

std::string idle(const Options& o) {
  const Key key(o.key);
  Swarm swarm(o.server, key);
  std::vector<double> kb;
  for (const std::size_t clients : {o.base, o.clients}) {
    const std::size_t had = swarm.members().size();
    add_up(swarm, o, clients - had);
    move_bytes(swarm, o, had);
    kb.push_back(resident_kb(o.watch));
  }
  return fmt::format(R"({{"clients":[{},{}],"kb":{},"kb_each":{:.1f}}})", o.base, o.clients,
                     list(kb), (kb[1] - kb[0]) / static_cast<double>(o.clients - o.base));
}

}  // namespace

std::string run_scenario(const std::string& name, const Options& o) {
  if (name == "connect") return connect(o);
  if (name == "share") return share(o);
  if (name == "stopped") return stopped(o);
  if (name == "idle") return idle(o);
  throw Error("no such load: " + name, 0);
}

Options read_options(std::span<const std::string> words) {
  Options o;
  for (const std::string& word : words) {
    const std::size_t at = std::min(word.find('='), word.size());
    const std::string name = word.substr(0, at);
    const std::string value = at < word.size() ? word.substr(at + 1) : "";
    if (name == "key")
      o.key = value;
    else if (name == "server")
      o.server = Endpoint::parse(value).value();
    else if (name == "far_end")
      o.far_end = Endpoint::parse(value).value();
    else if (name == "source")
      o.first_source = Address::parse(value).value();
    else if (name == "sources")
      o.sources = std::stoul(value);
    else if (name == "clients")
      o.clients = std::stoul(value);
    else if (name == "moving")
      o.moving = std::stoul(value);
    else if (name == "direction")
      o.direction = value == "up" ? Direction::up : Direction::down;
    else if (name == "seconds")
      o.seconds = std::stod(value);
    else if (name == "rounds")
      o.rounds = std::stoi(value);
    else if (name == "window")
      o.window = std::stoul(value);
    else if (name == "rate")
      o.rate = std::stod(value);
    else if (name == "bytes")
      o.bytes = std::stoul(value);
    else if (name == "base")
      o.base = std::stoul(value);
    else if (name == "within")
      o.within = std::stod(value);
    else if (name == "watch")
      o.watch = std::stoi(value);
    else
      throw Error("no such option: " + name, 0);
  }
  return o;
}

}  // namespace vpnd::load
