// SPDX-License-Identifier: ISC
#include "core/plan/config.h"

#include <algorithm>
#include <array>

namespace vpnd::plan {
namespace {

// In the order of their values.
constexpr std::array<std::string_view, 4> kKillSwitchNames{"on", "session", "always", "off"};
constexpr std::array<std::string_view, 4> kDnsModeNames{"auto", "resolved", "file", "off"};

bool is_letter_or_digit(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace

bool valid_interface_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > 15) return false;
  for (const std::string_view taken : {".", "..", "all", "default", "lo"}) {
    if (name == taken) return false;
  }
  return std::all_of(name.begin(), name.end(), [](char c) {
    return is_letter_or_digit(c) || c == '-' || c == '_' || c == '.';
  });
}

std::optional<std::uint16_t> parse_port(std::string_view text) noexcept {
  if (text.empty() || text.size() > 5 || text[0] == '0') return std::nullopt;
  unsigned value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  if (value > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(value);
}

// RFC 1123 2.1, with the underscore that people use all the same. What consists of digits and dots
// alone is a mistyped address, not a name.
bool valid_host_name(std::string_view text) noexcept {
  if (text.empty() || text.size() > 253 || text.front() == '-' || text.front() == '.') return false;
  bool letter = false;
  char before = '.';
  for (const char c : text) {
    if (!is_letter_or_digit(c) && c != '-' && c != '_' && c != '.') return false;
    if (c == '.' && before == '.') return false;
    letter = letter || !((c >= '0' && c <= '9') || c == '.');
    before = c;
  }
  return letter;
}

std::optional<HostPort> parse_host_port(std::string_view text, std::uint16_t port) {
  if (Address::parse(text)) return HostPort{std::string(text), port};
  std::string_view host = text;
  const auto colon = text.rfind(':');
  if (colon != std::string_view::npos && !text.ends_with(']')) {
    const auto given = parse_port(text.substr(colon + 1));
    if (!given) return std::nullopt;
    port = *given;
    host = text.substr(0, colon);
  }
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    const auto address = Address::parse(host);
    if (!address || address->is_v4()) return std::nullopt;
    return HostPort{std::string(host), port};
  }
  const auto address = Address::parse(host);
  if (address ? !address->is_v4() : !valid_host_name(host)) return std::nullopt;
  return HostPort{std::string(host), port};
}

bool is_unicast(const Address& a) noexcept {
  if (a.unspecified()) return false;
  const Bytes b = a.bytes();
  if (a.is_v4()) return b[0] != 0 && b[0] != 127 && b[0] < 224;
  const bool loopback =
      std::all_of(b.begin(), b.end() - 1, [](std::uint8_t x) { return x == 0; }) && b[15] == 1;
  return b[0] != 0xff && !loopback;
}

bool is_host_of(const Prefix& pool, const Address& a) noexcept {
  if (!a.is_v4() || !pool.address.is_v4() || !pool.contains(a)) return false;
  if (pool.length >= 31) return true;
  const std::uint32_t host = load_be32(a.bytes().data()) & (0xffffffffu >> pool.length);
  return host != 0 && host != (0xffffffffu >> pool.length);
}

std::optional<Address> default_first_lease(const Prefix& pool, const Address& own) noexcept {
  const Address first = Address::v4(192, 168, 192, 1);
  if (!is_host_of(pool, first) || first == own) return std::nullopt;
  return first;
}

void use_resolvers(ServerConfig& c, const std::vector<Address>& all) {
  for (const Address& a : all) {
    auto& upstream = a.is_v4() ? c.upstream_v4 : c.upstream_v6;
    if (!upstream) upstream = a;
  }
}

std::optional<Address> relayed_to(const ServerConfig& c, Family family) noexcept {
  if (!c.push_dns.empty() || !c.dns_forward) return std::nullopt;
  if (family == Family::v4) return c.upstream_v4;
  return c.address_v6 ? c.upstream_v6 : std::nullopt;
}

std::optional<Address> announced_resolver(const ServerConfig& c, Family family) noexcept {
  for (const Address& a : c.push_dns) {
    if (a.family() == family) return a;
  }
  if (!relayed_to(c, family)) return std::nullopt;
  return family == Family::v4 ? std::optional(c.address_v4) : c.address_v6;
}

std::string_view kill_switch_name(KillSwitch mode) noexcept {
  return kKillSwitchNames[static_cast<std::size_t>(mode)];
}

std::vector<std::string> kill_switch_names() {
  return {kKillSwitchNames.begin(), kKillSwitchNames.end()};
}

std::string_view log_format_name(LogFormat format) noexcept {
  return format == LogFormat::json ? "json" : "text";
}

std::string_view level_name(Level level) noexcept {
  switch (level) {
    case Level::error:
      return "error";
    case Level::warning:
      return "warning";
    case Level::notice:
      return "notice";
    case Level::info:
      return "info";
    case Level::debug:
      return "debug";
  }
  return "info";
}

std::string_view dns_mode_name(DnsMode mode) noexcept {
  return kDnsModeNames[static_cast<std::size_t>(mode)];
}

std::vector<std::string> dns_mode_names() {
  return {kDnsModeNames.begin(), kDnsModeNames.end()};
}

std::string_view lan_name(Lan lan) noexcept {
  constexpr std::array<std::string_view, 4> kNames{"none", "private", "routes", "list"};
  return kNames[static_cast<std::size_t>(lan)];
}

}  // namespace vpnd::plan
