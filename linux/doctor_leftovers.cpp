// SPDX-License-Identifier: ISC
// What a dead process of ours left on this host. As sweep.cpp finds it, but only looking.

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/base/error.h"
#include "linux/change.h"
#include "linux/doctor.h"
#include "linux/journal.h"
#include "linux/nft.h"
#include "linux/resolver.h"
#include "linux/resolver_file.h"
#include "linux/setting.h"
#include "linux/sysctl.h"
#include "linux/text_file.h"

namespace vpnd::nl {
namespace {

using enum plan::Verdict;
using plan::Finding;
using plan::Findings;

struct Left {
  std::size_t rules = 0, routes = 0, accepts = 0, settings = 0;
  std::vector<std::string> tables, walls;
  std::set<std::string> of;  // interfaces, as far as they are known

  bool only_walls() const noexcept {
    return rules + routes + accepts + settings + tables.size() == 0 && !walls.empty();
  }
  std::string text() const {
    std::vector<std::string> parts;
    const auto add = [&](std::size_t n, const char* what) {
      if (n != 0) parts.push_back(fmt::format("{} {}{}", n, what, n == 1 ? "" : "s"));
    };
    add(rules, "rule");
    add(routes, "route");
    add(tables.size(), "nftables table");
    for (const std::string& name : walls) parts.push_back("the wall of " + name);
    add(accepts, "accept in a chain of others");
    add(settings, "setting");
    return fmt::format("{}", fmt::join(parts, ", "));
  }
};

// Notes of the living claim what is theirs.
void look_at_routing(const Patient& p, Netlink& rt, const std::set<std::string>& claimed,
                     Left& left) {
  for (const Family family : {Family::v4, Family::v6}) {
    if (family == Family::v6 && !sysctl6("all", "forwarding")) continue;
    for (const auto& r : rules(rt, family)) {
      if (r.protocol == kRouteProtocol && !claimed.contains(text(r.object))) ++left.rules;
    }
    for (const auto& r : routes(rt, family, std::nullopt, kRouteProtocol)) {
      const bool living = p.is_ours(r.object.interface) || claimed.contains(text(r.object));
      if (!living) ++left.routes;
    }
  }
}

void look_at_filters(const Patient& p, Left& left) {
  if (firewall_hidden()) return;
  NftSocket socket;
  for (const ForeignAccept& a : our_foreign_accepts(socket, {})) {
    if (p.is_ours(a.interface)) continue;
    ++left.accepts;
    left.of.insert(a.interface);
  }
  for (const std::string& name : our_abandoned_tables(socket)) {
    if (p.is_ours(name)) continue;
    if (table_present(socket, name)) left.tables.push_back(name);
    if (wall_present(socket, name)) left.walls.push_back(name);
    left.of.insert(name);
  }
}

std::string cleanup_command(const Patient& p) {
  const bool usual = p.state_dir == "/var/lib/vpnd";
  return "vpnd cleanup" + (usual ? std::string() : " --state-dir " + shell_word(p.state_dir));
}

Finding on_the_host(const Patient& p, Netlink& rt) {
  const char* id = "leftovers.host";
  Left left;
  std::set<std::string> claimed;
  for (const JournalCopy& journal : journals(p.state_dir)) {
    if (journal.living) {
      claimed.insert(journal.lines.begin(), journal.lines.end());
      continue;
    }
    if (!journal.lines.empty()) left.of.insert(journal.interface);
    left.settings += static_cast<std::size_t>(std::ranges::count_if(
        journal.lines, [](const std::string& line) { return Setting::parse(line).has_value(); }));
  }
  look_at_routing(p, rt, claimed, left);
  look_at_filters(p, left);
  const std::string what = left.text();
  if (what.empty()) return {id, ok, "nothing of a dead process", {}, {}};
  const bool asked_for =
      p.client != nullptr && p.client->kill_switch == plan::KillSwitch::always && left.only_walls();
  if (asked_for) {
    return {id,
            note,
            what + " stands, as the tunnel's file wants it: traffic is refused",
            "start the tunnel; or open it:",
            {cleanup_command(p)}};
  }
  const std::string whose = left.of.empty() ? "" : fmt::format(" of {}", fmt::join(left.of, " "));
  return {id,
          problem,
          fmt::format("left by a process{} that is dead: {}", whose, what),
          "the next start of that tunnel takes it over; or take it away:",
          {cleanup_command(p)}};
}

Finding resolver(const Patient& p) {
  const char* id = "leftovers.resolver";
  const auto mark = resolver_mark(read_text(kResolverFile));
  if (!mark || p.is_ours(mark->interface))
    return {id, ok, "no resolver file of a dead process", {}, {}};
  return {id,
          problem,
          fmt::format("{} still names the resolver of {}, whose process is dead", kResolverFile,
                      mark->interface),
          "put the old one back:",
          {cleanup_command(p)}};
}

}  // namespace

void examine_leftovers(const Patient& p, Netlink& rt, Findings& out) {
  out.push_back(on_the_host(p, rt));
  out.push_back(resolver(p));
}

}  // namespace vpnd::nl
