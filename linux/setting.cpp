// SPDX-License-Identifier: ISC
#include "linux/setting.h"

#include <fmt/format.h>

#include <cstdlib>
#include <sstream>

#include "core/base/error.h"
#include "linux/sysctl.h"

namespace vpnd::nl {
namespace {

constexpr char kForwarding[] = "forwarding", kForceForwarding[] = "force_forwarding";
constexpr int kForwarding4 = 1;  // IPV4_DEVCONF_FORWARDING, linux/ip.h

bool overwrites_all(const Setting& s) {
  return s.family == Family::v6 && s.interface == "all" && s.key == kForwarding;
}

int number_of(const Setting& s) noexcept {
  return std::atoi(s.key.c_str());
}

std::optional<Link> device(Sockets& sockets, const Setting& s) {
  auto link = find_link(sockets.rt, s.interface);
  if (link && link->index != s.index) return std::nullopt;
  return link;
}

bool wanted_by_another(const Setting& s, const std::string& directory, const std::string& holder) {
  for (const JournalCopy& copy : journals(directory)) {
    if (copy.interface == holder) continue;
    for (const std::string& line : copy.lines) {
      const auto other = Setting::parse(line);
      if (other && other->same_place(s) && other->ours == s.ours) return true;
    }
  }
  return false;
}

// The old value, unless somebody else has set another since.
void take_back(const Setting& s, int& value) noexcept {
  if (value == s.ours) value = s.before;
}

void take_back(HostFacts& facts, const Setting& s) noexcept {
  if (overwrites_all(s)) take_back(s, facts.v6_forwarding_all);
  for (HostFacts::Link& link : facts.links) {
    if (link.name != s.interface) continue;
    const bool v4 = s.family == Family::v4 && link.index == s.index;
    if (v4 && number_of(s) == kForwarding4) take_back(s, link.forwarding);
    if (s.family == Family::v6 && s.key == kForceForwarding) take_back(s, link.force_forwarding);
  }
}

}  // namespace

void as_before(HostFacts& facts, const std::string& directory) {
  const auto all = journals(directory);
  for (const JournalCopy& copy : all) {
    for (const std::string& line : copy.lines) {
      if (const auto s = Setting::parse(line)) take_back(facts, *s);
    }
  }
  for (const JournalCopy& copy : all) {
    for (HostFacts::Link& link : facts.links) {
      if (link.name == copy.interface) link.forwarding = link.force_forwarding = 1;
    }
  }
}

bool Setting::same_place(const Setting& o) const noexcept {
  return family == o.family && interface == o.interface && index == o.index && key == o.key;
}

std::string Setting::line() const {
  return fmt::format("setting{} {} {} {} {} {}", family == Family::v4 ? 4 : 6, interface, index,
                     key, before, ours);
}

std::optional<Setting> Setting::parse(const std::string& line) {
  std::istringstream in(line);
  std::string kind;
  Setting s;
  in >> kind >> s.interface >> s.index >> s.key >> s.before >> s.ours;
  if (!in || (kind != "setting4" && kind != "setting6")) return std::nullopt;
  s.family = kind == "setting4" ? Family::v4 : Family::v6;
  return s;
}

std::string Exception::line() const {
  return fmt::format("exception6 {} {} {}", interface, key, value);
}

std::optional<Exception> Exception::parse(const std::string& line) {
  std::istringstream in(line);
  std::string kind;
  Exception e;
  in >> kind >> e.interface >> e.key >> e.value;
  if (!in || kind != "exception6") return std::nullopt;
  return e;
}

std::vector<Exception> exceptions(const Setting& s) {
  std::vector<Exception> differ;
  if (!overwrites_all(s)) return differ;
  auto names = sysctl6_interfaces();
  names.emplace_back("default");
  for (const std::string& name : names) {
    const auto value = sysctl6(name, s.key);
    if (value && *value != s.before) differ.push_back({name, s.key, *value});
  }
  return differ;
}

std::optional<int> current(Sockets& sockets, const Setting& s) {
  if (s.family == Family::v6) return sysctl6(s.interface, s.key);
  const auto link = device(sockets, s);
  if (!link) return std::nullopt;
  return link->setting(number_of(s));
}

void write(Sockets& sockets, const Setting& s, int value) {
  if (s.family == Family::v6) {
    const int why = set_sysctl6(s.interface, s.key, value);
    if (why == 0) return;
    refuse(fmt::format("set net.ipv6.conf.{}.{} to {}", s.interface, s.key, value), {why, {}});
  }
  if (const auto link = device(sockets, s)) set_setting4(sockets.rt, *link, number_of(s), value);
}

bool restore(Sockets& sockets, const Setting& s, const std::string& directory,
             const std::string& holder) {
  const auto value = current(sockets, s);
  if (!value || *value != s.ours) return false;
  if (wanted_by_another(s, directory, holder)) return false;
  write(sockets, s, s.before);
  return true;
}

}  // namespace vpnd::nl
