// SPDX-License-Identifier: ISC
#include "core/plan/resolver_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/text.h"

namespace vpnd::plan {
namespace {

constexpr std::string_view kMark = "# vpnd: written for the tunnel ";
constexpr std::string_view kAfterName =
    ", which puts the file back as it was when it ends.\n"
    "# What is changed here meanwhile is lost.\n";
constexpr std::string_view kAbsent = "# There was no such file before.\n";
constexpr std::size_t kMostServers = 3;  // MAXNS, resolv.h
constexpr std::size_t kMostOptions = 512;

bool printable(std::string_view word) noexcept {
  return std::all_of(word.begin(), word.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

// "trust-ad" was said of the old resolver; nobody said it of ours.
std::string options_of(std::string_view before) {
  std::string out;
  while (!before.empty()) {
    std::string_view line = take_until(before, '\n');
    if (!line.starts_with("options") || take_word(line) != "options") continue;
    for (auto word = take_word(line); !word.empty(); word = take_word(line)) {
      const bool room = out.size() + word.size() < kMostOptions;
      if (word != "trust-ad" && printable(word) && room) out += " " + std::string(word);
    }
  }
  return out;
}

}  // namespace

std::string resolver_text(const Resolver& r, std::string_view before, bool absent) {
  std::string out = fmt::format("{}{}{}", kMark, r.interface, kAfterName);
  if (absent) out += kAbsent;
  const std::size_t servers = std::min(r.servers.size(), kMostServers);
  for (std::size_t i = 0; i < servers; ++i) out += "nameserver " + r.servers[i].text() + "\n";
  if (!r.domains.empty()) out += fmt::format("search {}\n", fmt::join(r.domains, " "));
  const std::string options = options_of(before);
  if (!options.empty()) out += "options" + options + "\n";
  return out;
}

std::optional<ResolverMark> resolver_mark(std::string_view text) {
  if (!text.starts_with(kMark)) return std::nullopt;
  text.remove_prefix(kMark.size());
  const std::string_view name = text.substr(0, text.find_first_of(",\n"));
  if (!valid_interface_name(name)) return std::nullopt;
  return ResolverMark{std::string(name), text.find(kAbsent) != text.npos};
}

}  // namespace vpnd::plan
