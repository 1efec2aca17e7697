// SPDX-License-Identifier: ISC
#include "linux/demo_state.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <libmnl/libmnl.h>
#include <netinet/in.h>
#include <unistd.h>

#include <linux/if_link.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <iterator>
#include <string_view>

#include "core/base/error.h"
#include "linux/fd.h"
#include "linux/netlink.h"
#include "linux/nft.h"
#include "linux/rtnl.h"

namespace vpnd::demo {
namespace {

// The kernel's settings of IPv6, which rtnl.h does not parse (IFLA_INET6_CONF).
std::string settings6(const nlmsghdr* h) {
  const nl::Attributes at(h, sizeof(ifinfomsg));
  const Bytes conf = at.nested(IFLA_AF_SPEC).nested(AF_INET6).bytes(IFLA_INET6_CONF);
  return fmt::format("{:02x}", fmt::join(conf, ""));
}

void add_links(nl::Netlink& nl, State& state) {
  for (const nl::Link& link : nl::links(nl)) {
    state.push_back(fmt::format("link {} {} mtu {} mode {} ipv4 {}", link.name,
                                link.up() ? "up" : "down", link.mtu, link.gen_mode.value_or(255),
                                fmt::join(link.devconf4, ",")));
    for (const Prefix& p : nl::addresses_of(nl, link.index)) {
      state.push_back(nl::text(nl::AddressOn{link.name, p}));
    }
  }
  nl::Message m(RTM_GETLINK);
  m.fixed<ifinfomsg>();
  auto six = nl.dump<std::string>(m, "list the interfaces", [](const nlmsghdr* h) {
    const nl::Attributes at(h, sizeof(ifinfomsg));
    return std::optional(fmt::format("link {} ipv6 {}", at.text(IFLA_IFNAME), settings6(h)));
  });
  std::move(six.begin(), six.end(), std::back_inserter(state));
}

void add_routing(nl::Netlink& nl, State& state) {
  for (const Family family : {Family::v4, Family::v6}) {
    for (const auto& r : nl::routes(nl, family, std::nullopt, 0)) {
      state.push_back(fmt::format("{} protocol {}", nl::text(r.object), r.protocol));
    }
    for (const auto& r : nl::rules(nl, family)) {
      state.push_back(fmt::format("{} protocol {}", nl::text(r.object), r.protocol));
    }
  }
}

// Numbers that the kernel gives anew for the same thing, and counters, do not count.
std::string describe_nft(const char* kind, const std::vector<std::uint8_t>& message,
                         std::initializer_list<std::uint16_t> names) {
  const auto* h = reinterpret_cast<const nlmsghdr*>(message.data());
  const auto* fixed = static_cast<const nfgenmsg*>(mnl_nlmsg_get_payload(h));
  const nl::Attributes at(h, sizeof *fixed);
  std::string line = fmt::format("nft {} family {}", kind, fixed->nfgen_family);
  for (const std::uint16_t name : names) line += " " + at.text(name);
  return line;
}

void add_nft(State& state) {
  const nl::NftSocket nft;
  for (const auto& m : nft.dump(NFT_MSG_GETTABLE)) {
    state.push_back(describe_nft("table", m, {NFTA_TABLE_NAME}));
  }
  for (const auto& m : nft.dump(NFT_MSG_GETCHAIN)) {
    state.push_back(describe_nft("chain", m, {NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME}));
  }
  for (const auto& m : nft.dump(NFT_MSG_GETRULE)) {
    state.push_back(describe_nft("rule", m, {NFTA_RULE_TABLE, NFTA_RULE_CHAIN}));
  }
}

// Settings of the whole namespace, which no dump of links shows.
void add_global_settings(State& state) {
  for (const char* path :
       {"/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv4/conf/all/rp_filter",
        "/proc/sys/net/ipv4/conf/all/src_valid_mark", "/proc/sys/net/ipv4/tcp_congestion_control",
        "/proc/sys/net/ipv6/conf/all/forwarding", "/proc/sys/net/ipv6/conf/default/forwarding"}) {
    const Fd file(::open(path, O_RDONLY | O_CLOEXEC));
    if (!file) continue;  // this kernel has no such setting
    std::array<char, 64> text{};
    const ssize_t n = ::read(file.get(), text.data(), text.size());
    if (n < 0) throw Error(std::string("read ") + path, errno);
    std::string_view value(text.data(), static_cast<std::size_t>(n));
    if (value.ends_with('\n')) value.remove_suffix(1);
    state.push_back(fmt::format("{} = {}", path, value));
  }
}

}  // namespace

State take_state() {
  nl::Netlink nl;
  State state;
  add_links(nl, state);
  add_routing(nl, state);
  add_nft(state);
  add_global_settings(state);
  std::sort(state.begin(), state.end());
  return state;
}

std::vector<std::string> differences(const State& before, const State& after) {
  State gone, come;
  std::set_difference(before.begin(), before.end(), after.begin(), after.end(),
                      std::back_inserter(gone));
  std::set_difference(after.begin(), after.end(), before.begin(), before.end(),
                      std::back_inserter(come));
  std::vector<std::string> lines;
  for (const std::string& line : gone) lines.push_back("- " + line);
  for (const std::string& line : come) lines.push_back("+ " + line);
  return lines;
}

}  // namespace vpnd::demo
