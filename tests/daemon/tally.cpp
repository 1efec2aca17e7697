// SPDX-License-Identifier: ISC
#include "tests/daemon/tally.h"

#include <fmt/format.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <vector>

#include "core/base/error.h"
#include "linux/fd.h"

namespace vpnd::test {
namespace {

// /proc/net is the first thread's namespace, this the calling one's.
std::ifstream open_table(const char* name) {
  return std::ifstream(std::string("/proc/thread-self/net/") + name);
}

std::vector<std::string> words(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> out;
  for (std::string word; in >> word;) out.push_back(word);
  return out;
}

bool is_fault(const std::string& name) {
  return name.ends_with("CsumErrors") || name.ends_with("InHdrErrors") || name == "Tcp InErrs";
}

// A line of names and a line of figures, both behind the same word.
void add_pairs(const char* table, std::map<std::string, std::uint64_t>& out) {
  std::ifstream in = open_table(table);
  for (std::string names, figures; std::getline(in, names) && std::getline(in, figures);) {
    const auto name = words(names), figure = words(figures);
    for (std::size_t i = 1; i < name.size() && i < figure.size(); ++i) {
      const std::string whole = name[0].substr(0, name[0].size() - 1) + " " + name[i];
      if (is_fault(whole)) out[whole] = std::stoull(figure[i]);
    }
  }
}

void add_lines(std::map<std::string, std::uint64_t>& out) {
  std::ifstream in = open_table("snmp6");
  std::uint64_t figure = 0;
  for (std::string name; in >> name >> figure;) {
    if (is_fault(name)) out[name] = figure;
  }
}

// A line of names, then a line for each processor, in hexadecimal.
void add_connections(std::map<std::string, std::uint64_t>& out) {
  std::ifstream in = open_table("stat/nf_conntrack");
  std::string line;
  if (!std::getline(in, line)) return;
  const auto name = words(line);
  while (std::getline(in, line)) {
    const auto figure = words(line);
    for (std::size_t i = 0; i < name.size() && i < figure.size(); ++i) {
      if (name[i] == "invalid") out["conntrack invalid"] += std::stoull(figure[i], nullptr, 16);
    }
  }
}

}  // namespace

Tally Tally::of(const Namespace& ns) {
  Tally out;
  ns.run([&] {
    add_pairs("snmp", out.counters_);
    add_pairs("netstat", out.counters_);
    add_lines(out.counters_);
    add_connections(out.counters_);
  });
  for (const char* needed : {"Tcp InCsumErrors", "Udp InCsumErrors", "Icmp InCsumErrors",
                             "IpExt InCsumErrors", "Udp6InCsumErrors", "Icmp6InCsumErrors"}) {
    if (!out.counters_.contains(needed)) throw Error(fmt::format("no counter {}", needed), ENOENT);
  }
  return out;
}

std::uint64_t Tally::at(const std::string& counter) const {
  const auto it = counters_.find(counter);
  return it == counters_.end() ? 0 : it->second;
}

std::string Tally::since(const Tally& before, const std::string& where) const {
  std::string out;
  for (const auto& [name, figure] : counters_) {
    const std::uint64_t was = before.at(name);
    if (figure != was) out += fmt::format("{}: {} +{}\n", where, name, figure - was);
  }
  return out;
}

void complete_checksums(const Namespace& ns, const std::string& device) {
  ns.run([&] {
    const Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    ethtool_value off{ETHTOOL_STXCSUM, 0};
    ifreq request{};
    device.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_data = reinterpret_cast<char*>(&off);
    if (::ioctl(fd.get(), SIOCETHTOOL, &request) != 0) throw Error("checksums of " + device, errno);
  });
}

}  // namespace vpnd::test
