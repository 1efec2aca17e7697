// SPDX-License-Identifier: ISC
#include "tests/support/snapshot.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <sstream>
#include <vector>

#include "linux/fd.h"
#include "linux/netlink.h"
#include "tests/support/netns.h"

namespace vpnd::test {
namespace {

using Line = std::optional<std::string>;

std::string hex(Bytes bytes) {
  std::string text;
  for (const std::uint8_t b : bytes) text += fmt::format("{:02x}", b);
  return text;
}

std::string attributes(const nl::Attributes& at, const std::set<std::uint16_t>& without) {
  std::string text;
  for (std::uint16_t type = 0; type < nl::Attributes::kLimit; ++type) {
    if (at.has(type) && !without.contains(type)) {
      text += fmt::format(" {}={}", type, hex(at.bytes(type)));
    }
  }
  return text;
}

// What comes and goes with the carrier, or counts, is left out.
Line link_line(const nlmsghdr* h) {
  const auto* info = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(h));
  const nl::Attributes at(h, sizeof *info);
  const auto six = at.nested(IFLA_AF_SPEC).nested(AF_INET6);
  const unsigned flags = info->ifi_flags & ~(unsigned{IFF_RUNNING} | IFF_LOWER_UP);
  return fmt::format("link {} {} type {} flags {:x} mtu {} queue {} address {} master {} mode {}",
                     info->ifi_index, at.text(IFLA_IFNAME), info->ifi_type, flags, at.u32(IFLA_MTU),
                     at.u32(IFLA_TXQLEN), hex(at.bytes(IFLA_ADDRESS)), at.u32(IFLA_MASTER),
                     six.u8(IFLA_INET6_ADDR_GEN_MODE, 255));
}

Line address_line(const nlmsghdr* h) {
  const auto* fixed = static_cast<const ifaddrmsg*>(mnl_nlmsg_get_payload(h));
  const nl::Attributes at(h, sizeof *fixed);
  return fmt::format("address dev {} /{} scope {} {}", fixed->ifa_index, fixed->ifa_prefixlen,
                     fixed->ifa_scope, attributes(at, {IFA_CACHEINFO, IFA_FLAGS}));
}

Line route_line(const nlmsghdr* h) {
  const auto* r = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(h));
  if ((r->rtm_flags & RTM_F_CLONED) != 0) return std::nullopt;
  const nl::Attributes at(h, sizeof *r);
  return fmt::format("route family {} /{} from /{} tos {} protocol {} scope {} type {}{}",
                     r->rtm_family, r->rtm_dst_len, r->rtm_src_len, r->rtm_tos, r->rtm_protocol,
                     r->rtm_scope, r->rtm_type, attributes(at, {RTA_CACHEINFO}));
}

Line rule_line(const nlmsghdr* h) {
  const auto* r = static_cast<const fib_rule_hdr*>(mnl_nlmsg_get_payload(h));
  const nl::Attributes at(h, sizeof *r);
  return fmt::format("rule family {} to /{} from /{} action {} flags {}{}", r->family, r->dst_len,
                     r->src_len, r->action, r->flags, attributes(at, {}));
}

template<typename Fixed>
void dump(nl::Netlink& rt, std::uint16_t type, Line (*line)(const nlmsghdr*), std::string& to) {
  nl::Message m(type);
  m.fixed<Fixed>();
  auto lines = rt.dump<std::string>(m, "take a snapshot", line);
  std::sort(lines.begin(), lines.end());
  for (const std::string& l : lines) to += l + "\n";
}

std::string contents(const std::filesystem::path& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  std::array<char, 4096> part;
  const ssize_t n = fd ? ::read(fd.get(), part.data(), part.size()) : -1;
  return n < 0 ? "?" : std::string(part.data(), static_cast<std::size_t>(n));
}

void settings(const std::filesystem::path& root, std::string& to) {
  std::vector<std::string> lines;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root, ignored)) {
    if (!entry.is_regular_file(ignored)) continue;
    std::string value = contents(entry.path());
    std::replace(value.begin(), value.end(), '\n', ' ');
    lines.push_back(fmt::format("{} = {}\n", entry.path().string(), value));
  }
  std::sort(lines.begin(), lines.end());
  for (const std::string& l : lines) to += l;
}

// The order of tables is the order in which they were made; it means nothing. Nor does the program
// that the tool finds to hold an owner's socket, nor who has connections just now.
std::string sorted_tables(const std::string& ruleset) {
  std::vector<std::string> tables(1);
  std::istringstream in(ruleset);
  for (std::string line; std::getline(in, line);) {
    if (line.find("elements = ") != line.npos && line.find("ct count over") != line.npos) continue;
    if (line.starts_with("table ")) {
      tables.emplace_back();
      line = line.substr(0, line.find(" # progname"));
    }
    tables.back() += line + "\n";
  }
  std::sort(tables.begin(), tables.end());
  std::string text;
  for (const std::string& table : tables) text += table;
  return text;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  std::sort(lines.begin(), lines.end());
  return lines;
}

}  // namespace

Snapshot Snapshot::take() {
  Snapshot s;
  nl::Netlink rt;
  dump<ifinfomsg>(rt, RTM_GETLINK, link_line, s.text_);
  dump<ifaddrmsg>(rt, RTM_GETADDR, address_line, s.text_);
  dump<rtmsg>(rt, RTM_GETROUTE, route_line, s.text_);
  dump<fib_rule_hdr>(rt, RTM_GETRULE, rule_line, s.text_);
  const int here = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  const Fd netns(here);
  const Finished nft = run_program({"nft", "-s", "list", "ruleset"}, netns.get());
  // A rule set that cannot be read must not look like an empty one.
  s.text_ += fmt::format("nft {}\n{}", nft.status, sorted_tables(nft.output));
  settings("/proc/sys/net/ipv4", s.text_);
  settings("/proc/sys/net/ipv6", s.text_);
  return s;
}

std::string Snapshot::difference(const Snapshot& later) const {
  const auto before = lines_of(text_), after = lines_of(later.text_);
  std::vector<std::string> only;
  std::string text;
  std::set_difference(before.begin(), before.end(), after.begin(), after.end(),
                      std::back_inserter(only));
  for (const auto& line : only) text += "- " + line + "\n";
  only.clear();
  std::set_difference(after.begin(), after.end(), before.begin(), before.end(),
                      std::back_inserter(only));
  for (const auto& line : only) text += "+ " + line + "\n";
  return text;
}

}  // namespace vpnd::test
