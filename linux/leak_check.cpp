// SPDX-License-Identifier: ISC
// The leak check: a watch that was seen to see, a canary for every way out, and a wait.

#include <fmt/format.h>
#include <net/if.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <system_error>

#include "core/host.h"
#include "core/plan/resolv_conf.h"
#include "core/plan/status.h"
#include "crypto/random.h"
#include "linux/facts.h"
#include "linux/leak_canary.h"
#include "linux/leak_watch.h"
#include "linux/networks.h"
#include "linux/rtnl.h"
#include "linux/text_file.h"

namespace vpnd::host {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

constexpr Duration kProof = 1s, kWatch = 2500ms, kStep = 20ms;
constexpr Table kMain{254};
constexpr unsigned kLowerUp = 1u << 16;  // IFF_LOWER_UP of linux/if.h, which net/if.h lacks
constexpr std::uint8_t kAnyProtocol = 0;

std::vector<Prefix> prefixes(const std::vector<std::string>& texts) {
  std::vector<Prefix> out;
  for (const std::string& text : texts) {
    if (const auto p = Prefix::parse(text)) out.push_back(*p);
  }
  return out;
}

// What the client's routes and wall let past the tunnel, by the same rules (linux/lower.cpp).
std::vector<Prefix> meant_to_leave(const plan::Status& s, const nl::HostFacts& facts) {
  const plan::Status::Routing& routing = s.routing;
  std::vector<Prefix> out = prefixes(routing.past_tunnel);
  const std::vector<Prefix> own = prefixes(s.addresses);
  const bool routes = routing.lan == "routes";
  if (!routes && routing.lan != "private") return out;
  for (const Prefix& p : nl::connected_prefixes(facts, s.interface)) {
    if ((routes || nl::is_private(p)) && !nl::overlaps_any(p, own)) out.push_back(p);
  }
  for (const nl::HostFacts::Link& link : facts.links) {
    if (routes && link.name != s.interface) {
      out.insert(out.end(), link.routed.begin(), link.routed.end());
    }
  }
  return out;
}

class Survey {
 public:
  Survey(nl::Netlink& nl, const plan::Status& status) : nl_(nl), status_(status) {}

  plan::Terrain run() {
    const nl::HostFacts facts = nl::gather(nl_);
    out_.v6 = facts.has_v6;
    out_.root = ::geteuid() == 0;
    out_.into_tunnel = prefixes(status_.routing.into_tunnel);
    out_.local = meant_to_leave(status_, facts);
    for (const std::string& text : status_.routing.endpoints) {
      if (const auto e = Endpoint::parse(text)) out_.servers.push_back(*e);
    }
    uplinks(facts);
    resolvers_of("/etc/resolv.conf", "resolver file");
    for (const Family family : {Family::v4, Family::v6}) gateways(family);
    resolvers_of("/run/systemd/resolve/resolv.conf", "systemd-resolved");
    return std::move(out_);
  }

 private:
  void add_resolver(const Address& a, const std::string& device, const char* known_from) {
    const auto same = [&](const auto& r) { return r.address == a && r.device == device; };
    if (std::ranges::any_of(out_.resolvers, same)) return;
    out_.resolvers.push_back({a, device, known_from});
  }

  void resolvers_of(const std::string& file, const char* known_from) {
    for (const Address& a : plan::nameservers(nl::read_text(file))) {
      add_resolver(a, {}, known_from);
    }
  }

  // The router of a local network is mostly its resolver, too.
  void gateways(Family family) {
    (void)nl::routes(nl_, family, kMain, kAnyProtocol, [this](const nl::Dumped<nl::Route>& r) {
      const auto& gateway = r.object.gateway;
      if (!gateway || r.object.interface == status_.interface) return false;
      const bool one_link = nl::is_link_local(Prefix::host(*gateway));
      add_resolver(*gateway, one_link ? r.object.interface : std::string(), "gateway");
      return false;
    });
  }

  void uplinks(const nl::HostFacts& facts) {
    for (const nl::HostFacts::Link& link : facts.links) {
      const auto is_default = [&](const auto& names) {
        return std::ranges::find(names, link.name) != names.end();
      };
      if (link.name == status_.interface) continue;
      if (!is_default(facts.uplinks_v4) && !is_default(facts.uplinks_v6)) continue;
      out_.uplinks.push_back({link.name, addresses_of(link)});
    }
  }

  // The first of each family that others can route to.
  static std::vector<Address> addresses_of(const nl::HostFacts::Link& link) {
    std::vector<Address> out;
    for (const Prefix& p : link.addresses) {
      const auto same = [&p](const Address& a) { return a.family() == p.address.family(); };
      if (nl::is_link_local(Prefix::host(p.address)) || std::ranges::any_of(out, same)) continue;
      out.push_back(p.address);
    }
    return out;
  }

  nl::Netlink& nl_;
  const plan::Status& status_;
  plan::Terrain out_;
};

class Check {
 public:
  Check(nl::LeakWatch& watch, const plan::Status& status) : watch_(watch), status_(status) {
    ByteArray<20> random{};
    crypto::random_bytes(random);
    dice_ = plan::dice(random);
    report_.interface = status.interface;
    report_.state = name(status.report.state);
    report_.kill_switch = status.routing.kill_switch;
  }

  plan::LeakReport run() {
    list_devices();
    prove();
    prepare();
    for (nl::Canary& canary : canaries_) canary.send();
    const plan::Recogniser recogniser(ways_, dice_, ports_);
    watch_until(kWatch, [&](const nl::LeakWatch::Frame& f) {
      if (const auto way = recogniser.look(f.type, f.packet)) saw(*way, f);
      return false;
    });
    conclude();
    return std::move(report_);
  }

 private:
  void list_devices() {
    for (const nl::Link& link : nl::links(nl_)) {
      names_[link.index] = link.name;
      if ((link.flags & IFF_LOOPBACK) != 0) loopbacks_.push_back(link.index);
      const bool sends = link.up() && (link.flags & kLowerUp) != 0;
      if (!sends || link.name == status_.interface) continue;
      unproven_.push_back(link.index);
      if ((link.flags & IFF_LOOPBACK) == 0) report_.watched.push_back(link.name);
    }
  }

  // Of a device that came later as well.
  const std::string& name_of(int device) {
    std::string& known = names_[device];
    char room[IF_NAMESIZE];
    if (known.empty() && ::if_indextoname(static_cast<unsigned>(device), room) != nullptr) {
      known = room;
    }
    return known;
  }

  // Whatever the watch misses would be called clean.
  void prove() {
    const Bytes token(reinterpret_cast<const std::uint8_t*>(dice_.token.data()),
                      dice_.token.size());
    std::erase_if(unproven_,
                  [&](int device) { return !nl::plant_frame(device, name_of(device), token); });
    watch_until(kProof, [&](const nl::LeakWatch::Frame& f) {
      const bool ours = f.type == nl::kPlantType && f.packet.size() >= token.size() &&
                        std::ranges::equal(f.packet.first(token.size()), token);
      if (ours) std::erase(unproven_, f.device);
      return unproven_.empty();
    });
    if (unproven_.empty()) return;
    throw Error("cannot watch " + name_of(unproven_.front()), 0,
                "a frame sent there on purpose was not seen", Exit::os);
  }

  void prepare() {
    ways_ = plan::ways_out(Survey(nl_, status_).run(), dice_, report_.left_out);
    canaries_.reserve(ways_.size());
    for (std::size_t i = 0; i < ways_.size(); ++i) {
      canaries_.emplace_back(ways_[i], plan::canary_content(ways_[i], dice_, i));
      ports_.push_back(canaries_.back().source_port());
      report_.outcomes.push_back({ways_[i], plan::Fate::unseen, {}});
    }
  }

  // Until `use` says that it is enough.
  void watch_until(Duration patience, const std::function<bool(const nl::LeakWatch::Frame&)>& use) {
    const auto end = Steady::now() + patience;
    auto next_step = Steady::now();
    for (bool enough = false; !enough && Steady::now() < end;) {
      watch_.drain([&](const nl::LeakWatch::Frame& f) { enough = use(f) || enough; });
      if (Steady::now() >= next_step) {
        for (nl::Canary& canary : canaries_) canary.step();
        next_step = Steady::now() + kStep;
      }
      if (!enough) watch_.wait(static_cast<int>(kStep / 1ms));
    }
    lost_ += watch_.lost();
  }

  void saw(std::size_t way, const nl::LeakWatch::Frame& f) {
    plan::Outcome& outcome = report_.outcomes[way];
    const bool inside = std::ranges::find(loopbacks_, f.device) != loopbacks_.end();
    if (inside || outcome.fate == plan::Fate::leaked) return;
    const std::string& device = name_of(f.device);
    if (device == status_.interface) {
      outcome.fate = plan::Fate::tunnel;
      return;
    }
    outcome.fate = plan::Fate::leaked;
    outcome.detail = fmt::format("{} left by {}", plan::describe_packet(f.type, f.packet), device);
  }

  void conclude() {
    if (lost_ > 0 && report_.leaks() == 0) {
      throw Error(fmt::format("the watch could not keep up: {} frames passed unseen", lost_), 0, {},
                  Exit::failure, "Run it again while there is less traffic.");
    }
    for (std::size_t i = 0; i < ways_.size(); ++i) {
      plan::Outcome& outcome = report_.outcomes[i];
      if (outcome.fate != plan::Fate::unseen) continue;
      if (canaries_[i].answered()) {
        outcome.fate = plan::Fate::answered;
      } else if (canaries_[i].refusal() != 0) {
        outcome.fate = plan::Fate::refused;
        outcome.detail = std::generic_category().message(canaries_[i].refusal());
      }
    }
  }

  nl::Netlink nl_;
  nl::LeakWatch& watch_;
  const plan::Status& status_;
  plan::Dice dice_;
  std::map<int, std::string> names_;
  std::vector<int> loopbacks_, unproven_;
  std::vector<plan::Way> ways_;
  std::vector<nl::Canary> canaries_;
  std::vector<std::uint16_t> ports_;
  std::uint64_t lost_ = 0;
  plan::LeakReport report_;
};

}  // namespace

std::optional<plan::LeakReport> check(const std::string& name, const Places& places) {
  nl::LeakWatch watch;  // first: who may not watch may not ask either, and would be told less
  const auto json = status(name, places);
  if (!json) return std::nullopt;
  const auto running = plan::status_from_json(*json);
  if (running && running->report.server) {
    throw usage_error(fmt::format("{} is a server; it is clients that can leak", running->name));
  }
  if (!running || running->routing.kill_switch.empty()) {
    throw Error("the running tunnel does not say how it routes", 0, "it is of another version");
  }
  return Check(watch, *running).run();
}

}  // namespace vpnd::host
