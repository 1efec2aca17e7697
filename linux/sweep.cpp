// SPDX-License-Identifier: ISC
#include <fmt/format.h>

#include <set>

#include "core/base/error.h"
#include "linux/apply.h"
#include "linux/setting.h"
#include "linux/sysctl.h"

namespace vpnd::nl {
namespace {

using Lines = std::vector<std::string>;

// The journal of one dead tunnel: its settings are put back, newest first; the rest is struck when
// the kernel objects themselves have been dealt with.
void sweep_settings(Sockets& s, Journal& journal, Lines& done) {
  const Fd lock = serialise(journal.directory());
  const Lines lines = journal.lines();
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    const auto setting = Setting::parse(*line);
    if (!setting) continue;
    if (restore(s, *setting, journal.directory(), journal.interface())) {
      done.push_back(fmt::format("setting {} of {} back to {}", setting->key, setting->interface,
                                 setting->before));
      for (const std::string& other : lines) {
        const auto e = Exception::parse(other);
        if (e && setting->interface == "all") (void)set_sysctl6(e->interface, e->key, e->value);
      }
    }
    journal.strike(*line);
  }
  for (const std::string& line : lines) {
    if (Exception::parse(line)) journal.strike(line);
  }
}

struct Scope {
  std::string interface;          // empty: all that no living tunnel has
  std::set<std::string> claimed;  // by tunnels that are not swept
  std::set<std::string> living;   // their names
  bool all = false;               // Sweep::adopt: everything is spared
  bool spare = false;             // Sweep::at_start
  bool spare_wall = false;        // Sweep::but_the_wall
};

Scope scope_of(const std::string& interface, const std::string& directory, Sweep mode) {
  Scope scope;
  scope.interface = interface;
  scope.all = mode == Sweep::adopt;
  scope.spare = mode == Sweep::at_start || scope.all;
  scope.spare_wall = mode == Sweep::but_the_wall;
  for (const JournalCopy& copy : journals(directory)) {
    if (copy.interface == interface) continue;
    if (copy.living) scope.living.insert(copy.interface);
    // A dead tunnel's things wait for its own next start, unless everything is asked for.
    if (!copy.living && interface.empty()) continue;
    scope.claimed.insert(copy.lines.begin(), copy.lines.end());
  }
  return scope;
}

bool has_family(Family f) noexcept {
  return f == Family::v4 || sysctl6("all", "forwarding").has_value();
}

void sweep_rules(Sockets& s, const Scope& scope, Lines& done) {
  s.spared_rules.clear();
  for (const Family family : {Family::v4, Family::v6}) {
    if (!has_family(family)) continue;
    for (Dumped<Rule>& r : rules(s.rt, family)) {
      const std::string line = text(r.object);
      if (r.protocol != kRouteProtocol || scope.claimed.contains(line)) continue;
      if (scope.all) {
        s.spared_rules.push_back(std::move(r));
        continue;
      }
      const Answer answer = s.rt.echo(r.message, kDeleteRule);
      if (answer.errnum != 0 && !gone(answer)) refuse(fmt::format("remove {}", line), answer);
      done.push_back(line);
    }
  }
}

void sweep_routes(Sockets& s, const Scope& scope, Lines& done) {
  s.spared_routes.clear();
  for (const Family family : {Family::v4, Family::v6}) {
    if (!has_family(family)) continue;
    for (Dumped<Route>& r : routes(s.rt, family, std::nullopt, kRouteProtocol)) {
      const std::string line = text(r.object);
      if (scope.claimed.contains(line)) continue;
      if (scope.all || (scope.spare && r.object.type == Route::Type::blackhole)) {
        s.spared_routes.push_back(std::move(r));
        continue;
      }
      const Answer answer = s.rt.echo(r.message, kDeleteRoute);
      if (answer.errnum != 0 && !gone(answer)) refuse(fmt::format("remove {}", line), answer);
      done.push_back(line);
    }
  }
}

void sweep_filter(Sockets& s, const Scope& scope, Lines& done) {
  s.spared_accepts.clear();
  s.spared_table.clear();
  for (const ForeignAccept& a : our_foreign_accepts(s.nft, scope.interface)) {
    if (scope.living.contains(a.interface)) continue;
    if (scope.spare) {
      s.spared_accepts.push_back(a);
      continue;
    }
    if (remove(s.nft, a)) {
      done.push_back(fmt::format("accept for {} in chain {} {}", a.interface, a.table, a.chain));
    }
  }
  if (scope.all) {
    if (table_present(s.nft, scope.interface)) s.spared_table = scope.interface;
    if (wall_present(s.nft, scope.interface)) s.spared_wall = scope.interface;
  }
  if (scope.spare) return;
  for (const std::string& name : our_abandoned_tables(s.nft)) {
    if (!scope.interface.empty() && name != scope.interface) continue;
    if (scope.living.contains(name)) continue;
    if (table_present(s.nft, name) && remove_table(s.nft, name)) {
      done.push_back(fmt::format("nft table of {}", name));
    }
    if (!wall_present(s.nft, name)) continue;
    if (scope.spare_wall) {
      s.spared_wall = name;
    } else if (remove_wall(s.nft, name)) {
      done.push_back(fmt::format("wall of {}", name));
    }
  }
}

// The device with what hangs on it, and the settings.
void spare_the_device(Sockets& s, const Scope& scope, const Journal& journal) {
  s.spared_addresses.clear();
  s.spared_settings.clear();
  if (!scope.all) return;
  if (const auto link = find_link(s.rt, scope.interface)) {
    for (const Prefix& p : addresses_of(s.rt, link->index)) {
      s.spared_addresses.emplace_back(AddressOn{scope.interface, p}, link->index);
    }
  }
  for (const std::string& line : journal.lines()) {
    if (Setting::parse(line) || Exception::parse(line)) s.spared_settings.push_back(line);
  }
}

// What no longer exists needs no note; what is spared keeps its own.
void settle(Sockets& s, Journal& journal) {
  std::set<std::string> kept(s.spared_settings.begin(), s.spared_settings.end());
  for (const Dumped<Route>& r : s.spared_routes) kept.insert(text(r.object));
  for (const Dumped<Rule>& r : s.spared_rules) kept.insert(text(r.object));
  const Lines lines = journal.lines();
  for (const std::string& line : lines) {
    if (!kept.contains(line)) journal.strike(line);
  }
}

void sweep_journals(Sockets& s, const Scope& scope, const std::string& directory, Lines& done) {
  for (const JournalCopy& copy : journals(directory)) {
    if (copy.living || scope.living.contains(copy.interface)) continue;
    Journal journal(directory, copy.interface);
    sweep_settings(s, journal, done);
    settle(s, journal);
  }
}

}  // namespace

Lines Host::sweep_resolver(const std::string& interface, const std::string& state_dir) {
  Lines done;
  nl::sweep_resolver(*sockets_, interface, state_dir, done);
  return done;
}

Lines Host::sweep(const std::string& interface, const std::string& state_dir, Sweep mode) {
  Sockets& s = *sockets_;
  Lines done;
  const bool own = s.journal && s.journal->interface() == interface;
  std::optional<Journal> taken;
  if (!own && !interface.empty()) taken.emplace(state_dir, interface);
  const Scope scope = scope_of(interface, state_dir, mode);
  sweep_rules(s, scope, done);
  sweep_routes(s, scope, done);
  sweep_filter(s, scope, done);
  nl::sweep_resolver(s, interface, state_dir, done);
  if (interface.empty()) {
    sweep_journals(s, scope, state_dir, done);
    return done;
  }
  Journal& journal = own ? *s.journal : *taken;
  spare_the_device(s, scope, journal);
  if (!scope.all) sweep_settings(s, journal, done);
  settle(s, journal);
  return done;
}

}  // namespace vpnd::nl
