// SPDX-License-Identifier: ISC
// The seam's Machine and Tunnel: plans to objects, objects to the kernel.

#include <fmt/format.h>
#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "core/base/log.h"
#include "core/host.h"
#include "core/plan/resolv_conf.h"
#include "linux/after_service.h"
#include "linux/apply.h"
#include "linux/lower.h"
#include "linux/nft.h"
#include "linux/patience.h"
#include "linux/resolver_file.h"
#include "linux/rtnl.h"
#include "linux/text_file.h"
#include "linux/tun.h"

namespace vpnd::host {
namespace {

constexpr int kMostNames = 1000;
// Whom systemd-resolved and NetworkManager's dnsmasq ask.
constexpr const char* kBehindStubs[] = {"/run/systemd/resolve/resolv.conf",
                                        "/run/NetworkManager/no-stub-resolv.conf"};

struct Change {
  nl::Object object;
  std::unique_ptr<plan::Held> held;
};

void revert(std::vector<Change>& changes) noexcept {
  while (!changes.empty()) changes.pop_back();
}

// Two objects of which the kernel has one: the second changes the first in place, and taking the
// first back is what takes both back.
bool same_thing(const nl::Object& a, const nl::Object& b) {
  const auto *wa = std::get_if<nl::Wall>(&a), *wb = std::get_if<nl::Wall>(&b);
  if (wa != nullptr && wb != nullptr) return wa->interface == wb->interface;
  const auto *ta = std::get_if<nl::FilterTable>(&a), *tb = std::get_if<nl::FilterTable>(&b);
  if (ta != nullptr && tb != nullptr) return ta->interface == tb->interface;
  const auto *da = std::get_if<nl::DnsServers>(&a), *db = std::get_if<nl::DnsServers>(&b);
  if (da != nullptr && db != nullptr) return true;
  const auto *la = std::get_if<nl::LinkUp>(&a), *lb = std::get_if<nl::LinkUp>(&b);
  return la != nullptr && lb != nullptr && la->name == lb->name;
}

}  // namespace

struct Tunnel::State {
  nl::Tun tun;
};

Tunnel::Tunnel(const std::string& name, int kept, std::uint32_t queues)
    : state_(std::make_unique<State>(
          State{kept >= 0 ? nl::take_over_tun(Fd(kept), name, queues)
                          : nl::patiently([&] { return nl::open_tun(name, queues); })})) {}
Tunnel::Tunnel(Tunnel&&) noexcept = default;
Tunnel& Tunnel::operator=(Tunnel&&) noexcept = default;
Tunnel::~Tunnel() = default;
const std::string& Tunnel::name() const noexcept {
  return state_->tun.name;
}
int Tunnel::descriptor() const noexcept {
  return state_->tun.fd.get();
}
std::vector<int> Tunnel::descriptors() const {
  std::vector<int> out{state_->tun.fd.get()};
  for (const Fd& fd : state_->tun.more) out.push_back(fd.get());
  return out;
}
std::uint16_t Tunnel::kinds() const noexcept {
  return state_->tun.kinds;
}
bool Tunnel::alive() const noexcept {
  return nl::alive(state_->tun);
}

void Tunnel::remove() noexcept {
  nl::remove(state_->tun);
}

// The one plan that is applied; its changes, and in front of them what was changed in place since.
class HeldPlan final : public plan::Held {
 public:
  explicit HeldPlan(HeldPlan** home) noexcept : home_(home) { *home_ = this; }
  ~HeldPlan() override {
    revert(changes);
    revert(changed_in_place);
    *home_ = nullptr;
  }
  std::vector<Change> changed_in_place, changes;

 private:
  HeldPlan** home_;
};

struct Machine::State {
  Places places;
  nl::Host host;
  HeldPlan* current = nullptr;
  std::optional<bool> tables_owned = {};  // asked of the kernel once

  Change make(const nl::Object& object) {
    auto held = host.apply({object}).release();
    return {object, std::move(held.front())};
  }
  std::vector<Change> make_missing(const std::vector<nl::Object>& next);
  bool lacks(const Change&, const std::string& fresh);
};

Machine::Machine(const Places& places, int kept)
    : state_(std::make_unique<State>(State{places, nl::Host(Fd(kept))})) {}
Machine::Machine(Machine&&) noexcept = default;
Machine::~Machine() = default;

std::string Machine::claim(const std::string& interface) {
  const std::string& directory = state_->places.state;
  for (int i = 0; i < kMostNames; ++i) {
    const std::string name = interface.empty() ? fmt::format("vpn{}", i) : interface;
    if (interface.empty() && if_nametoindex(name.c_str()) != 0) continue;
    try {
      state_->host.note_in(directory, name);
    } catch (const Error& e) {
      const bool taken = e.code() == Exit::temporary;
      if (taken && interface.empty()) continue;
      if (taken) throw;
      // A read-only or full disk must not keep a tunnel down.
      log(Level::warning, "{}; after a crash, settings could not be put back", e.what());
    }
    return name;
  }
  throw Error("find a free interface name", 0, "vpn0 to vpn999 are all in use", Exit::temporary);
}

void Machine::note_tunnel(const std::string& tunnel) noexcept {
  state_->host.note(nl::tunnel_note(tunnel));
}

void Machine::note_standing() noexcept {
  state_->host.note(nl::kStandsNote);
}

plan::Applied Machine::apply(const plan::Plan& plan) {
  const std::vector<nl::Object> objects = nl::lower(plan, state_->host.facts_for(plan));
  auto all = std::make_unique<HeldPlan>(&state_->current);
  plan::Applied applied = state_->host.apply(objects);
  std::vector<std::unique_ptr<plan::Held>> held = applied.release();
  for (std::size_t i = 0; i < held.size(); ++i) {
    all->changes.push_back({objects[i], std::move(held[i])});
  }
  plan::Applied out;
  out.hold(std::move(all));
  return out;
}

// What `next` has and the machine has not, in the order of `next`. All or nothing.
std::vector<Change> Machine::State::make_missing(const std::vector<nl::Object>& next) {
  std::vector<Change> fresh;
  try {
    for (const nl::Object& object : next) {
      const auto same = [&object](const Change& c) { return c.held && c.object == object; };
      if (std::ranges::none_of(current->changes, same)) fresh.push_back(make(object));
    }
  } catch (...) {
    // Taking a changed thing back removes it; the old form of it must come again.
    std::vector<nl::Object> undone;
    for (const Change& c : fresh) undone.push_back(c.object);
    revert(fresh);
    for (Change& old : current->changes) {
      const auto changed = [&old](const nl::Object& o) { return same_thing(o, old.object); };
      if (std::ranges::any_of(undone, changed)) {
        current->changed_in_place.push_back(std::exchange(old, make(old.object)));
      }
    }
    throw;
  }
  return fresh;
}

void Machine::replace(plan::Applied& applied, const plan::Plan&, const plan::Plan& next) {
  if (state_->current == nullptr) {
    applied = apply(next);
    return;
  }
  HeldPlan& plan = *state_->current;
  const std::vector<nl::Object> objects = nl::lower(next, state_->host.facts_for(next));
  std::vector<Change> fresh = state_->make_missing(objects);
  std::vector<Change> before = std::exchange(plan.changes, {});
  for (const nl::Object& object : objects) {
    const auto same = [&object](const Change& c) { return c.held && c.object == object; };
    for (std::vector<Change>* from : {&before, &fresh}) {
      const auto found = std::ranges::find_if(*from, same);
      if (found == from->end()) continue;
      plan.changes.push_back({object, std::move(found->held)});
      break;
    }
  }
  for (Change& old : before) {
    const auto changed = [&old](const Change& c) { return same_thing(c.object, old.object); };
    if (old.held && std::ranges::any_of(plan.changes, changed)) {
      plan.changed_in_place.push_back({old.object, std::move(old.held)});
    }
  }
  revert(before);
}

unsigned Machine::changes() const noexcept {
  if (state_->current == nullptr) return 0;
  const bool dns_set = dns_is_set(state_->host.dns());
  return static_cast<unsigned>(
      std::ranges::count_if(state_->current->changes, [&](const Change& c) {
        return dns_set || !std::holds_alternative<nl::DnsServers>(c.object);
      }));
}

Presence Machine::check(const plan::Plan&) {
  Presence out;
  if (state_->current == nullptr) return out;
  if (!state_->tables_owned) state_->tables_owned = nl::support(nl::NftSocket()).persist;
  out.tables_owned = *state_->tables_owned;
  out.dns = state_->host.dns();
  for (const Change& c : state_->current->changes) {
    if (!dns_is_set(out.dns) && std::holds_alternative<nl::DnsServers>(c.object)) continue;
    ++out.made;
    if (state_->host.present(c.object)) {
      ++out.present;
    } else {
      out.missing.push_back(nl::describe(c.object));
    }
  }
  return out;
}

// A setting is lacking only where its device is another one now.
bool Machine::State::lacks(const Change& c, const std::string& fresh) {
  const auto* four = std::get_if<nl::LinkSetting>(&c.object);
  const auto* six = std::get_if<nl::Sysctl6>(&c.object);
  if (four != nullptr) return !fresh.empty() && four->interface == fresh;
  if (six != nullptr) return !fresh.empty() && six->interface == fresh;
  // systemd-resolved forgets with the device. The resolver file does not, and what others have
  // written there since is theirs.
  const auto* dns = std::get_if<nl::DnsServers>(&c.object);
  if (dns != nullptr) return dns->interface == fresh && host.dns().ends_with("by systemd-resolved");
  const auto* accept = std::get_if<nl::ForeignAccept>(&c.object);
  if (accept != nullptr && !host.drops(*accept)) return false;
  if (!c.held) return true;
  nl::Object wanted = c.object;
  if (auto* link = std::get_if<nl::LinkUp>(&wanted)) link->mtu = 0;  // any will do
  // Twice, because the kernel may leave something out of a list that changes meanwhile.
  return !host.present(wanted) && !host.present(wanted);
}

bool Machine::intact() {
  if (state_->current == nullptr) return true;
  const auto lacks = [this](const Change& c) { return state_->lacks(c, {}); };
  return std::ranges::none_of(state_->current->changes, lacks);
}

Repair Machine::repair(const std::string& fresh) {
  Repair out;
  if (state_->current == nullptr) return out;
  for (Change& c : state_->current->changes) {
    try {
      if (!state_->lacks(c, fresh)) continue;
      state_->host.remake(c.object, c.held);
      out.put_back.push_back(nl::describe(c.object));
    } catch (const Error& e) {
      if (out.failure.empty()) out.failure = e.what();
    }
  }
  return out;
}

std::string Machine::way_to(const Endpoint& to, Fwmark mark) {
  return state_->host.way_to(to.address, mark);
}

std::vector<std::string> Machine::sweep(const std::string& interface, bool server) {
  return state_->host.sweep(interface, state_->places.state,
                            server ? nl::Sweep::at_start : nl::Sweep::but_the_wall);
}

std::vector<std::string> Machine::adopt(const std::string& interface) {
  return state_->host.sweep(interface, state_->places.state, nl::Sweep::adopt);
}

std::vector<std::string> Machine::forget(const std::string& interface) {
  return state_->host.sweep(interface, state_->places.state, nl::Sweep::everything);
}

int Machine::tables() const noexcept {
  return state_->host.tables();
}

std::vector<std::string> Machine::sweep_resolver(const std::string& interface) {
  return state_->host.sweep_resolver(interface, state_->places.state);
}

std::vector<Address> Machine::outer_resolvers() {
  const auto named = plan::nameservers(nl::resolver_file_before(state_->places.state));
  if (auto own = plan::askable(named); !own.empty()) return own;
  for (const char* path : kBehindStubs) {
    if (auto behind = plan::askable(plan::nameservers(nl::read_text(path))); !behind.empty()) {
      return behind;
    }
  }
  return named;
}

bool Machine::has_v6() {
  return state_->host.facts().has_v6;
}

}  // namespace vpnd::host
