// SPDX-License-Identifier: ISC
#include "linux/ssh_origin.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "core/base/text.h"
#include "linux/text_file.h"

namespace vpnd::nl {
namespace {

constexpr Table kMain{254};
constexpr int kMostAncestors = 64;

// The name in /proc/PID/stat may hold anything, so what follows it is found from behind.
pid_t parent_of(pid_t pid) {
  const std::string stat = read_text(fmt::format("/proc/{}/stat", pid));
  const auto after = stat.rfind(") ");
  if (after == std::string::npos || after + 4 >= stat.size()) return 0;
  pid_t parent = 0;
  std::from_chars(stat.data() + after + 4, stat.data() + stat.size(), parent);
  return parent;
}

}  // namespace

std::optional<SshConnection> ssh_connection(std::string_view environment) {
  constexpr std::string_view kName = "SSH_CONNECTION=";
  while (!environment.empty()) {
    std::string_view rest = take_until(environment, '\0');
    if (!rest.starts_with(kName)) continue;
    rest.remove_prefix(kName.size());
    std::array<std::string_view, 3> words;
    for (std::string_view& word : words) word = take_until(rest, ' ');
    const auto from = Address::parse(words[0]), to = Address::parse(words[2]);
    return from && to ? std::optional(SshConnection{*from, *to}) : std::nullopt;
  }
  return std::nullopt;
}

std::optional<SshConnection> ssh_origin() {
  pid_t pid = getpid();
  for (int i = 0; i < kMostAncestors && pid > 0; ++i) {
    if (auto found = ssh_connection(read_text(fmt::format("/proc/{}/environ", pid)))) return found;
    pid = parent_of(pid);
  }
  return std::nullopt;
}

bool is_of(const SshConnection& connection, const HostFacts& facts) noexcept {
  return std::ranges::any_of(facts.links, [&](const HostFacts::Link& link) {
    return std::ranges::any_of(link.addresses,
                               [&](const Prefix& p) { return p.address == connection.to; });
  });
}

bool stays_reachable(const std::vector<Object>& objects, const Address& there) {
  const auto holds = [&there](const Prefix& p) {
    return p.address.family() == there.family() && p.contains(there);
  };
  const Route* best = nullptr;
  for (const Object& object : objects) {
    if (const auto* wall = std::get_if<Wall>(&object)) {
      const bool out =
          std::ranges::any_of(wall->local, [&](const Wall::Local& l) { return holds(l.prefix); });
      if (std::ranges::any_of(wall->guarded, holds) && !out) return false;
    }
    const auto* route = std::get_if<Route>(&object);
    if (route == nullptr || route->table == kMain || !holds(route->to)) continue;
    const bool better = best == nullptr || route->to.length > best->to.length ||
                        (route->to.length == best->to.length && route->metric < best->metric);
    if (better) best = route;
  }
  return best == nullptr || best->type == Route::Type::thrown;
}

}  // namespace vpnd::nl
