// SPDX-License-Identifier: ISC
// The routing socket of the kernel that is made up.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "bsd/sockaddr.h"
#include "tests/unit/bsd/fake_system.h"

namespace vpnd::test {
namespace {

using bsd::kRtfGateway;
using bsd::kRtfHost;
using bsd::kRtfReject;

const Address kLoopbackV4 = Address::v4(127, 0, 0, 1);

std::string hop_text(const bsd::RouteMessage& m) {
  if ((m.flags & kRtfReject) != 0) return "refused";
  return m.hop.router ? m.hop.router->text() : fmt::format("link#{}", m.hop.interface);
}

bool is_loopback(const Address& a) {
  return a == kLoopbackV4 || a == Address::parse("::1");
}

void pad(std::vector<std::uint8_t>& out, std::size_t unit) {
  while (out.size() % unit != 0) out.push_back(0);
}

}  // namespace

FakeRoute* FakeSystem::exactly(const Prefix& to) {
  const auto found = std::ranges::find(routes, to, &FakeRoute::to);
  return found == routes.end() ? nullptr : &*found;
}

const FakeRoute* FakeSystem::best(const Address& to) const {
  const FakeRoute* out = nullptr;
  for (const FakeRoute& r : routes) {
    if (r.to.contains(to) && (out == nullptr || r.to.length > out->to.length)) out = &r;
  }
  return out;
}

// 0: nobody reaches it without another router.
std::uint16_t FakeSystem::interface_towards(const Address& router) const {
  const FakeRoute* const r = best(router);
  return r == nullptr || (r->flags & kRtfGateway) != 0 ? std::uint16_t{0} : r->interface;
}

int FakeSystem::say(Bytes message) {
  if (message.size() < traits.header || message[2] != traits.version) return EPROTONOSUPPORT;
  const bsd::Parsed parsed = bsd::parse(traits, message);
  if (!parsed.message || parsed.length != message.size()) return EINVAL;
  const auto& m = *parsed.message;
  if (traits.table != 0 && m.table != routing_table()) return EINVAL;
  switch (m.type) {
    case bsd::kAdd:
      return add(m);
    case bsd::kDelete:
      return drop(m);
    case bsd::kChange:
      return change(m);
    default:
      return answer(m, bsd::load<std::uint32_t>(&message[traits.addrs]), m.seq);
  }
}

int FakeSystem::add(const bsd::RouteMessage& m) {
  if (const int why = step(fmt::format("add {} {}", m.to.text(), hop_text(m))); why != 0)
    return why;
  if (exactly(m.to) != nullptr) return EEXIST;
  const bool host = m.to.length == m.to.address.bits();
  if (host != ((m.flags & kRtfHost) != 0)) return EINVAL;
  if (!m.hop.router && m.hop.interface == 0) return EINVAL;
  FakeRoute r{m.to, m.hop, m.flags, m.hop.interface};
  if ((m.flags & kRtfReject) != 0) {
    const bool sound = (m.flags & kRtfGateway) == 0 && m.hop.router && is_loopback(*m.hop.router);
    if (!sound) return EINVAL;
  } else if (m.hop.router) {
    if ((m.flags & kRtfGateway) == 0) return EINVAL;
    r.interface = interface_towards(*m.hop.router);
    if (r.interface == 0 && traits.checks_gateway) return ENETUNREACH;
  }
  routes.push_back(r);
  return 0;
}

int FakeSystem::change(const bsd::RouteMessage& m) {
  if (const int why = step(fmt::format("change {} {}", m.to.text(), hop_text(m))); why != 0) {
    return why;
  }
  FakeRoute* const r = exactly(m.to);
  if (r == nullptr) return ESRCH;
  if ((r->flags & kRtfReject) != (m.flags & kRtfReject)) return EINVAL;
  if (m.hop.router && interface_towards(*m.hop.router) == 0) return ENETUNREACH;
  r->hop = m.hop;
  r->interface = m.hop.router ? interface_towards(*m.hop.router) : m.hop.interface;
  return 0;
}

int FakeSystem::drop(const bsd::RouteMessage& m) {
  if (const int why = step("delete " + m.to.text()); why != 0) return why;
  if (exactly(m.to) == nullptr) return ESRCH;
  std::erase_if(routes, [&m](const FakeRoute& r) { return r.to == m.to; });
  return 0;
}

// As a kernel writes it: NetBSD cuts its masks, and says the interface only where it was asked.
std::vector<std::uint8_t> FakeSystem::encode(const FakeRoute& r, bool with_interface) const {
  std::vector<std::uint8_t> out(traits.header);
  const bool host = (r.flags & kRtfHost) != 0, net_bsd = &traits == &bsd::kNetBsd;
  const auto add = [&](const Address& a, std::uint16_t scope) {
    const std::size_t at = out.size();
    out.resize(at + bsd::size_of(a));
    bsd::put(traits, &out[at], a, scope);
    pad(out, traits.padding);
  };
  const auto add_link = [&](std::uint16_t interface) {
    const std::size_t at = out.size();
    out.resize(at + traits.link_address);
    out[at] = traits.link_address;
    out[at + 1] = bsd::kLink;
    bsd::store<std::uint16_t>(&out[at + 2], interface);
    pad(out, traits.padding);
  };
  std::uint32_t kinds = bsd::kRtaDst | bsd::kRtaGateway;
  add(r.to.address, 0);
  r.hop.router ? add(*r.hop.router, r.hop.scope) : add_link(r.hop.interface);
  if (!host) {
    kinds |= bsd::kRtaNetmask;
    const std::size_t at = out.size();
    add(bsd::mask_of(r.to), 0);
    if (net_bsd) {
      const std::size_t first = r.to.address.is_v4() ? 4u : 8u;
      const std::size_t size = r.to.length == 0 ? 0 : first + (r.to.length + 7u) / 8;
      out[at] = static_cast<std::uint8_t>(size);
      out[at + 1] = 255;
      out.resize(at + std::max<std::size_t>(size, 1));
      pad(out, traits.padding);
    }
  }
  if (with_interface) {
    kinds |= bsd::kRtaIfp;
    add_link(r.interface);
  }
  bsd::store<std::uint16_t>(out.data(), static_cast<std::uint16_t>(out.size()));
  out[2] = traits.version;
  out[3] = bsd::kGet;
  if (traits.header_length != 0)
    bsd::store<std::uint16_t>(&out[traits.header_length], traits.header);
  if (!net_bsd) bsd::store<std::uint16_t>(&out[traits.index], r.interface);
  bsd::store<std::uint32_t>(&out[traits.flags], r.flags);
  bsd::store<std::uint32_t>(&out[traits.addrs], kinds);
  return out;
}

int FakeSystem::answer(const bsd::RouteMessage& m, std::uint32_t kinds, std::uint32_t seq) {
  const bool exact = (kinds & bsd::kRtaNetmask) != 0;
  if ((kinds & bsd::kRtaIfp) != 0 && !traits.tells_interface) return EINVAL;
  const FakeRoute* const r = exact ? exactly(m.to) : best(m.to.address);
  if (r == nullptr) return ESRCH;
  std::vector<std::uint8_t> out = encode(*r, (kinds & bsd::kRtaIfp) != 0);
  bsd::store<std::uint32_t>(&out[traits.seq], seq);
  // What a socket hears besides: nonsense, another process's answer of the same number, and news.
  FakeRoute wrong{*r};
  wrong.hop = {Address::v4(203, 0, 113, 99)};
  std::vector<std::uint8_t> other = encode(wrong, true);
  bsd::store<std::uint32_t>(&other[traits.seq], seq);
  bsd::store<std::uint32_t>(&other[traits.pid], pid() + 1);
  std::vector<std::uint8_t> news = other;
  news[3] = bsd::kAdd;
  bsd::store<std::uint32_t>(&news[traits.pid], pid());
  heard_ = {{}, {1, 2, 3}, std::move(other), std::move(news)};
  bsd::store<std::uint32_t>(&out[traits.pid], pid());
  heard_.push_back(std::move(out));
  return 0;
}

int FakeSystem::hear(MutBytes room) {
  if (heard_.empty()) return -EAGAIN;
  const std::vector<std::uint8_t> next = std::move(heard_.front());
  heard_.pop_front();
  const std::size_t n = std::min(next.size(), room.size());
  std::copy_n(next.begin(), n, room.begin());
  return static_cast<int>(n);
}

std::vector<std::uint8_t> FakeSystem::dump_routes(Family family) {
  std::vector<std::uint8_t> out;
  for (const FakeRoute& r : routes) {
    if (r.to.address.family() != family) continue;
    const auto one = encode(r, false);
    out.insert(out.end(), one.begin(), one.end());
  }
  return out;
}

}  // namespace vpnd::test
