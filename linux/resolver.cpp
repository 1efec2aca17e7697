// SPDX-License-Identifier: ISC
#include "linux/resolver.h"

#include <fmt/format.h>

#include <algorithm>

namespace vpnd::nl {
namespace {

constexpr std::string_view kMark = "# vpnd: written for the tunnel ";
constexpr std::string_view kAfterName =
    ", which puts the file back as it was when it ends.\n"
    "# What is changed here meanwhile is lost.\n";
constexpr std::string_view kAbsent = "# There was no such file before.\n";
constexpr std::size_t kMostServers = 3;  // MAXNS, resolv.h
constexpr std::size_t kMostOptions = 512;
constexpr std::string_view kBlank = " \t\r";

template<typename Use>
void for_each_line(std::string_view text, Use use) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    use(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

bool printable(std::string_view word) noexcept {
  return std::all_of(word.begin(), word.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

// "trust-ad" was said of the old resolver; nobody said it of ours.
std::string options_of(std::string_view before) {
  std::string out;
  for_each_line(before, [&out](std::string_view line) {
    constexpr std::string_view kKey = "options";
    const bool options = line.starts_with(kKey) && line.size() > kKey.size() &&
                         kBlank.find(line[kKey.size()]) != kBlank.npos;
    if (!options) return;
    line.remove_prefix(kKey.size());
    for (auto at = line.find_first_not_of(kBlank); at != line.npos;
         at = line.find_first_not_of(kBlank)) {
      line.remove_prefix(at);
      const std::string_view word = line.substr(0, line.find_first_of(kBlank));
      line.remove_prefix(word.size());
      const bool room = out.size() + word.size() < kMostOptions;
      if (word != "trust-ad" && printable(word) && room) out += " " + std::string(word);
    }
  });
  return out;
}

}  // namespace

std::vector<DnsMethod> dns_methods(plan::DnsMode mode, bool elsewhere) {
  using plan::DnsMode;
  std::vector<DnsMethod> out;
  if (mode == DnsMode::automatic || mode == DnsMode::resolved) out.push_back(DnsMethod::resolved);
  const bool file = mode == DnsMode::automatic || mode == DnsMode::file;
  if (file && !elsewhere) out.push_back(DnsMethod::file);
  return out;
}

bool resolved_answers(std::string_view mode, std::string_view link_target) {
  if (mode.empty()) return link_target.find("/systemd/resolve/") != link_target.npos;
  return mode == "stub" || mode == "uplink" || mode == "static";
}

std::string resolver_text(const DnsServers& dns, std::string_view before, bool absent) {
  std::string out = fmt::format("{}{}{}", kMark, dns.interface, kAfterName);
  if (absent) out += kAbsent;
  const std::size_t servers = std::min(dns.servers.size(), kMostServers);
  for (std::size_t i = 0; i < servers; ++i) out += "nameserver " + dns.servers[i].text() + "\n";
  if (!dns.domains.empty()) out += fmt::format("search {}\n", fmt::join(dns.domains, " "));
  const std::string options = options_of(before);
  if (!options.empty()) out += "options" + options + "\n";
  return out;
}

std::optional<ResolverMark> resolver_mark(std::string_view text) {
  if (!text.starts_with(kMark)) return std::nullopt;
  text.remove_prefix(kMark.size());
  const std::string_view name = text.substr(0, text.find_first_of(",\n"));
  if (!plan::valid_interface_name(name)) return std::nullopt;
  return ResolverMark{std::string(name), text.find(kAbsent) != text.npos};
}

}  // namespace vpnd::nl
