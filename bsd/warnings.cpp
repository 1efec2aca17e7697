// SPDX-License-Identifier: ISC
#include <fmt/format.h>

#include <algorithm>

#include "bsd/filter_lines.h"
#include "bsd/lower.h"

namespace vpnd::bsd {
namespace {

using Lines = std::vector<std::string>;

constexpr const char* kNoKillSwitch =
    "there is no kill switch on this system: what other routes lead past the tunnel goes past it, "
    "and so does everything while vpnd does not run";

class Warnings {
 public:
  Warnings(const Traits& t, const plan::Plan& plan, const HostFacts& facts)
      : traits_(t), facts_(facts) {
    for (const plan::Step& step : plan.steps) {
      if (const auto* i = std::get_if<plan::Interface>(&step)) mtu_ = i->mtu;
    }
    for (const plan::Step& step : plan.steps) {
      std::visit([this](const auto& s) { about(s); }, step);
    }
  }
  Lines take() { return std::move(out_); }

 private:
  void about(const plan::Wall& wall) {
    if (wall.mode != plan::KillSwitch::off) out_.emplace_back(kNoKillSwitch);
  }
  void about(const plan::Shield&) {}
  void about(const plan::ClampMss&) {}

  void about(const plan::Interface& interface) {
    if (interface.mtu <= traits_.most_mtu) return;
    out_.push_back(fmt::format("{} takes no MTU above {}", traits_.name, traits_.most_mtu));
  }

  void about(const plan::Capture& capture) {
    if (capture.into_tunnel.empty()) return;
    const bool all =
        std::ranges::any_of(capture.into_tunnel, [](const Prefix& p) { return p.length == 0; });
    if (all) {
      out_.emplace_back(
          "replies to those who connected to this host from beyond its local networks go into the "
          "tunnel: their connections, SSH among them, are cut");
    }
    if (capture.lan == plan::Lan::none) {
      out_.emplace_back(
          "lan = \"none\" cannot be had: networks that this host is on stay reachable");
    }
    if (capture.keep_inbound) {
      out_.emplace_back("keep_inbound cannot be had on this system: there are no marks");
    }
    if (!capture.endpoints.empty()) {
      out_.emplace_back(
          "whatever is sent to the server's own address, by any program, goes past the tunnel");
    }
    if (capture.refuse_v6) {
      out_.emplace_back("the server has no IPv6: connections over IPv6 are refused at once");
    }
  }

  void about(const plan::Forward& forward) {
    if (!facts_.default_v4) {
      out_.emplace_back(
          "this host has no IPv4 default route: clients reach only what it can reach");
    }
    if (forward.pool_v6 && !facts_.has_v6)
      out_.emplace_back("this host has no IPv6: clients get none");
    if (forward.pool_v6 && facts_.has_v6) {
      out_.emplace_back(
          "a host that forwards IPv6 may stop heeding router advertisements: give it a fixed "
          "route");
    }
    for (const Link& link : facts_.links) {
      for (const Prefix& p : link.addresses) {
        const Prefix net = p.masked();
        const bool overlaps = net.contains(forward.pool_v4) || forward.pool_v4.contains(net);
        if (link.name == forward.interface || net.length == 0 || !overlaps) continue;
        out_.push_back(fmt::format("the pool overlaps {}, a network of this host", net.text()));
      }
    }
    filters(forward);
  }

  void filters(const plan::Forward& forward) {
    out_.emplace_back(
        "the packet filter is not touched. Until its administrator loads the like of what follows, "
        "clients do not get beyond this host, and nothing keeps them from its own networks");
    for (const FilterLines& f : filter_lines(traits_, forward, mtu_, facts_.uplink)) {
      for (const std::string& line : f.lines) {
        out_.push_back(fmt::format("  {}: {}", f.file, line));
      }
    }
  }

  void about(const plan::Resolver& r) {
    if (r.mode == plan::DnsMode::resolved) {
      out_.emplace_back("dns.mode = \"resolved\": there is none on this system; nothing is set");
    }
  }

  const Traits& traits_;
  const HostFacts& facts_;
  Mtu mtu_ = 1420;
  Lines out_;
};

}  // namespace

std::vector<std::string> warnings(const Traits& t, const plan::Plan& plan, const HostFacts& facts) {
  return Warnings(t, plan, facts).take();
}

}  // namespace vpnd::bsd
