// SPDX-License-Identifier: ISC
#include "linux/monitor.h"

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/base/error.h"
#include "linux/filter.h"
#include "linux/held.h"
#include "linux/netlink.h"
#include "linux/text_file.h"

namespace vpnd::nl {
namespace {

constexpr int kBuffer = 4 << 20;
constexpr std::size_t kReceiveSize = 65536;
constexpr int kMostReads = 4096;  // a flood is read on in the next turn
// The first attribute of every nftables message of a table, a chain or a rule is its table.
constexpr std::uint16_t kTableName = 1;
constexpr std::uint16_t kGenerationPid = 2;  // NFTA_GEN_PROC_PID

Fd subscribe(int protocol, std::initializer_list<int> groups) {
  Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
  if (!fd) throw Error("open a socket for notifications", errno, {}, Exit::os);
  // Without the privilege for more, the host's limit holds.
  if (::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kBuffer, sizeof kBuffer) < 0) {
    (void)::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &kBuffer, sizeof kBuffer);
  }
  sockaddr_nl any{};
  any.nl_family = AF_NETLINK;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) < 0) {
    throw Error("bind a socket for notifications", errno, {}, Exit::os);
  }
  for (const int group : groups) {
    if (::setsockopt(fd.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) == 0) {
      continue;
    }
    // A kernel without IPv6 has no such groups.
    if (errno == ENOENT || errno == EINVAL) continue;
    throw Error("subscribe to notifications", errno, {}, Exit::os);
  }
  return fd;
}

// The port id of a netlink socket is its process's number, unless the process has several.
std::string process(std::uint32_t id) {
  if (id == 0 || id == static_cast<std::uint32_t>(::getpid()) || id > 1u << 22) return {};
  std::string text = read_text(fmt::format("/proc/{}/comm", id));
  if (text.size() <= 1) return fmt::format("process {}", id);  // it has ended since
  text.pop_back();                                             // the line's end
  // A process chooses its name itself, and this is shown on terminals.
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; }, '?');
  return fmt::format("process {} ({})", id, text);
}

bool ours(const nlmsghdr* h) {
  switch (h->nlmsg_type) {
    case RTM_DELRULE:
      return Attributes(h, sizeof(fib_rule_hdr)).u8(FRA_PROTOCOL) == kRouteProtocol;
    case RTM_DELROUTE:
      return static_cast<const rtmsg*>(mnl_nlmsg_get_payload(h))->rtm_protocol == kRouteProtocol;
    case RTM_NEWROUTE:
      // What was replaced is not told of otherwise.
      return (h->nlmsg_flags & NLM_F_REPLACE) != 0;
    case RTM_NEWLINK:  // IPv4 routes that go down with their link are not told of either
    case RTM_DELLINK:
    case RTM_DELADDR:
      return true;
    default:
      return false;
  }
}

bool of_networks(const nlmsghdr* h) {
  switch (h->nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return true;
    case RTM_NEWROUTE:
    case RTM_DELROUTE: {
      const auto* r = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(h));
      return r->rtm_protocol != kRouteProtocol && r->rtm_table != RT_TABLE_LOCAL &&
             (r->rtm_flags & RTM_F_CLONED) == 0;
    }
    default:
      return false;
  }
}

}  // namespace

struct Monitor::State {
  std::string interface;
  Fd route, nft;
  std::vector<std::uint8_t> buffer = std::vector<std::uint8_t>(kReceiveSize);

  template<typename Use>
  void drain(const Fd& fd, Hints& hints, Use use) {
    for (int i = 0; i < kMostReads; ++i) {
      const ssize_t n = ::recv(fd.get(), buffer.data(), buffer.size(), MSG_TRUNC);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) return;
      if (n < 0 || static_cast<std::size_t>(n) > buffer.size()) {
        hints.ours = hints.networks = true;  // ENOBUFS: some were lost
        if (n < 0 && errno != ENOBUFS) return;
        continue;
      }
      int left = static_cast<int>(n);
      const auto* h = reinterpret_cast<const nlmsghdr*>(buffer.data());
      for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) use(h);
    }
  }

  void route_event(const nlmsghdr* h, Hints& hints) const {
    if (mnl_nlmsg_get_payload_len(h) < sizeof(rtmsg)) return;
    if (ours(h)) {
      hints.ours = true;
      if (hints.by.empty() && concerns_us(h)) hints.by = process(h->nlmsg_pid);
    }
    hints.networks = hints.networks || of_networks(h);
  }

  // Other links come and go without anything of ours being removed by it.
  bool concerns_us(const nlmsghdr* h) const {
    if (h->nlmsg_type != RTM_NEWLINK && h->nlmsg_type != RTM_DELLINK) return true;
    return Attributes(h, sizeof(ifinfomsg)).text(IFLA_IFNAME) == interface;
  }

  // A transaction's events, and behind them the one that says who made it.
  void nft_event(const nlmsghdr* h, Hints& hints, bool& of_ours) const {
    if (NFNL_SUBSYS_ID(h->nlmsg_type) != NFNL_SUBSYS_NFTABLES) return;
    const int kind = NFNL_MSG_TYPE(h->nlmsg_type);
    if (kind == NFT_MSG_NEWGEN) {
      if (!std::exchange(of_ours, false)) return;
      hints.ours = true;
      const std::uint32_t pid = Attributes(h, sizeof(nfgenmsg)).u32(kGenerationPid);
      if (hints.by.empty()) hints.by = process(ntohl(pid));
      return;
    }
    // Elements of sets come and go all the time, and none of ours are in one.
    if (kind == NFT_MSG_DELTABLE || kind == NFT_MSG_DELCHAIN || kind == NFT_MSG_DELRULE ||
        kind == NFT_MSG_NEWCHAIN) {
      of_ours = true;  // others' chains as well: an accept of ours was in one, or is missing there
    } else if (kind == NFT_MSG_NEWRULE) {
      const std::string table = Attributes(h, sizeof(nfgenmsg)).text(kTableName);
      of_ours = of_ours || table.starts_with(table_name(interface));
    }
  }
};

Monitor::Monitor(std::string interface) : state_(std::make_unique<State>()) {
  state_->interface = std::move(interface);
  state_->route = subscribe(
      NETLINK_ROUTE, {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE,
                      RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE});
  state_->nft = subscribe(NETLINK_NETFILTER, {NFNLGRP_NFTABLES});
}

Monitor::~Monitor() = default;

void Monitor::watch(std::vector<pollfd>& fds) const {
  fds.push_back({state_->route.get(), POLLIN, 0});
  fds.push_back({state_->nft.get(), POLLIN, 0});
}

Hints Monitor::read() {
  Hints hints;
  State& s = *state_;
  s.drain(s.route, hints, [&](const nlmsghdr* h) { s.route_event(h, hints); });
  bool of_ours = false;
  s.drain(s.nft, hints, [&](const nlmsghdr* h) { s.nft_event(h, hints, of_ours); });
  hints.ours = hints.ours || of_ours;
  return hints;
}

}  // namespace vpnd::nl
