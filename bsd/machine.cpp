// SPDX-License-Identifier: ISC
// The seam's Machine: plans to objects, objects to the kernel.

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "bsd/held_plan.h"
#include "bsd/native.h"
#include "bsd/network.h"
#include "bsd/resolver_file.h"
#include "core/base/log.h"
#include "core/host.h"
#include "core/plan/resolv_conf.h"

namespace vpnd::host {
namespace {

constexpr int kMostNames = 256;

// "tun0": what this system's devices are called.
bool device_name(std::string_view name) noexcept {
  const std::string_view stem = bsd::native().device;
  if (!name.starts_with(stem)) return false;
  name.remove_prefix(stem.size());
  return !name.empty() && name.size() < 4 &&
         std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

struct Machine::State {
  explicit State(Places p)
      : places(std::move(p)), network(bsd::real_system(), bsd::native(), places.state) {}

  Places places;
  bsd::Network network;
  bsd::HeldPlan* current = nullptr;
  std::vector<std::string> told;

  void take_journal(const std::string& name) {
    network.note_in(std::make_unique<bsd::Journal>(bsd::real_system(), places.state, name));
  }
  std::string claim_any();
  void tell(const plan::Plan&, const bsd::HostFacts&);
};

Machine::Machine(const Places& places, int) : state_(std::make_unique<State>(places)) {}
Machine::Machine(Machine&&) noexcept = default;
Machine::~Machine() = default;

// A device that a dead process of ours has left may be taken up again.
std::string Machine::State::claim_any() {
  bsd::System& system = bsd::real_system();
  const auto known = bsd::journals(system, places.state, {});
  for (int i = 0; i < kMostNames; ++i) {
    const std::string name = fmt::format("{}{}", bsd::native().device, i);
    const auto of_name = std::ranges::find(known, name, &bsd::JournalCopy::interface);
    const bool dead = of_name != known.end() && !of_name->living;
    if (system.index_of(name) != 0 && !dead) continue;
    try {
      take_journal(name);
    } catch (const Error& e) {
      if (e.code() == Exit::temporary) continue;
      // A read-only or full disk must not keep a tunnel down.
      log(Level::warning, "{}; after a crash, what was changed could not be put back", e.what());
    }
    return name;
  }
  throw Error("find a free interface name", 0, "all of them are in use", Exit::temporary);
}

std::string Machine::claim(const std::string& interface) {
  if (interface.empty()) return state_->claim_any();
  if (!device_name(interface)) {
    std::string name = state_->claim_any();
    log(Level::notice, "the interface of {} is called {}: {} names its devices itself", interface,
        name, bsd::native().name);
    return name;
  }
  try {
    state_->take_journal(interface);
  } catch (const Error& e) {
    if (e.code() == Exit::temporary) throw;
    log(Level::warning, "{}; after a crash, what was changed could not be put back", e.what());
  }
  return interface;
}

// For a service manager of Linux, and for descriptors that it keeps: there are none here.
void Machine::note_tunnel(const std::string&) noexcept {}
void Machine::note_standing() noexcept {}
int Machine::tables() const noexcept {
  return -1;
}
std::vector<std::string> Machine::adopt(const std::string&) {
  return {};
}

// Each once: what this system cannot do, and what only its administrator can.
void Machine::State::tell(const plan::Plan& plan, const bsd::HostFacts& facts) {
  for (std::string& line : bsd::warnings(bsd::native(), plan, facts)) {
    if (std::ranges::find(told, line) != told.end()) continue;
    log(Level::notice, "{}", line);
    told.push_back(std::move(line));
  }
}

plan::Applied Machine::apply(const plan::Plan& plan) {
  const bsd::HostFacts facts = state_->network.facts(plan);
  auto all = std::make_unique<bsd::HeldPlan>(state_->network, &state_->current);
  all->make(bsd::lower(plan, facts));
  state_->tell(plan, facts);
  plan::Applied out;
  out.hold(std::move(all));
  return out;
}

void Machine::replace(plan::Applied& applied, const plan::Plan&, const plan::Plan& next) {
  if (state_->current == nullptr) {
    applied = apply(next);
    return;
  }
  const bsd::HostFacts facts = state_->network.facts(next);
  state_->current->go_over(bsd::lower(next, facts));
  state_->tell(next, facts);
}

unsigned Machine::changes() const noexcept {
  if (state_->current == nullptr) return 0;
  const bool dns_set = dns_is_set(state_->network.dns());
  return static_cast<unsigned>(
      std::ranges::count_if(state_->current->objects(), [&](const bsd::Object& object) {
        return dns_set || !std::holds_alternative<plan::Resolver>(object);
      }));
}

Presence Machine::check(const plan::Plan&) {
  Presence out;
  out.dns = state_->network.dns();
  if (state_->current == nullptr) return out;
  for (const bsd::Object& object : state_->current->objects()) {
    if (!dns_is_set(out.dns) && std::holds_alternative<plan::Resolver>(object)) continue;
    ++out.made;
    if (state_->network.present(object)) {
      ++out.present;
    } else {
      out.missing.push_back(bsd::describe(object));
    }
  }
  return out;
}

bool Machine::intact() {
  return state_->current == nullptr || state_->current->lacking(false).empty();
}

Repair Machine::repair(const std::string& fresh) {
  Repair out;
  if (state_->current == nullptr) return out;
  // They may still lead to the device that is gone.
  if (!fresh.empty()) state_->current->drop_tunnel_routes();
  for (const bsd::Object& object : state_->current->lacking(!fresh.empty())) {
    try {
      state_->network.make(object);
      out.put_back.push_back(bsd::describe(object));
    } catch (const Error& e) {
      if (out.failure.empty()) out.failure = e.what();
    }
  }
  return out;
}

std::string Machine::way_to(const Endpoint& to, Fwmark) {
  return state_->network.way_to(to.address);
}

// claim() has taken its journal.
std::vector<std::string> Machine::sweep(const std::string&, bool) {
  return state_->network.sweep();
}

std::vector<std::string> Machine::forget(const std::string& interface) {
  return bsd::clean_up(bsd::real_system(), bsd::native(), state_->places.state, interface);
}

// claim() has taken the name: what is there of it is a dead tunnel's.
std::vector<std::string> Machine::sweep_resolver(const std::string&) {
  return state_->network.sweep_resolver();
}

bool Machine::has_v6() {
  return state_->network.facts({}).has_v6;
}

std::vector<Address> Machine::outer_resolvers() {
  const auto named = plan::nameservers(bsd::resolver_file_before(bsd::real_system()));
  auto others = plan::askable(named);
  return others.empty() ? named : others;
}

plan::Lowered lowered(const plan::Plan& plan) {
  bsd::Network network(bsd::real_system(), bsd::native(), {});
  const bsd::HostFacts facts = network.facts(plan);
  plan::Lowered out;
  for (const bsd::Object& object : bsd::lower(plan, facts)) {
    out.changes.push_back(bsd::change(bsd::native(), object));
  }
  out.warnings = bsd::warnings(bsd::native(), plan, facts);
  return out;
}

}  // namespace vpnd::host
