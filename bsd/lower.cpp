// SPDX-License-Identifier: ISC
#include "bsd/lower.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"

namespace vpnd::bsd {
namespace {

bool overlap(const Prefix& a, const Prefix& b) noexcept {
  return a.contains(b) || b.contains(a);
}

bool any_overlap(const Prefix& p, const std::vector<Prefix>& all) noexcept {
  return std::ranges::any_of(all, [&p](const Prefix& o) { return overlap(p, o); });
}

// The two halves of everything.
std::vector<Prefix> halves(Family family) {
  if (family == Family::v4) {
    return {{Address::v4(0, 0, 0, 0), 1}, {Address::v4(128, 0, 0, 0), 1}};
  }
  return {{Address::v6(ByteArray<16>{}), 1}, {Address::v6(ByteArray<16>{0x80}), 1}};
}

// Somebody in the network of `own` who is not itself: a tunnel has two ends, and routes to the
// others go by the far one, whoever that is.
Address neighbour(const Prefix& own) {
  const Address first = own.masked().address;
  for (const std::uint8_t step : {std::uint8_t{1}, std::uint8_t{2}}) {
    ByteArray<16> bytes{};
    std::ranges::copy(first.bytes(), bytes.begin());
    bytes[first.bytes().size() - 1] =
        static_cast<std::uint8_t>(bytes[first.bytes().size() - 1] | step);
    const Bytes all = Bytes(bytes).first(first.bytes().size());
    const Address a = first.is_v4() ? Address::v4(all) : Address::v6(all);
    if (a != own.address && own.contains(a)) return a;
  }
  return first;
}

class Lowering {
 public:
  explicit Lowering(const HostFacts& facts) noexcept : facts_(facts) {}

  std::vector<Object> run(const plan::Plan& plan) {
    for (const plan::Step& step : plan.steps) {
      if (const auto* capture = std::get_if<plan::Capture>(&step)) inner_ = capture->inner;
    }
    for (const plan::Step& step : plan.steps) {
      std::visit([this](const auto& s) { add(s); }, step);
    }
    for (const Forwarding& f : forwarding_) out_.emplace_back(f);
    return std::move(out_);
  }

 private:
  // What a packet filter would do; warnings() has its lines.
  void add(const plan::Wall&) {}
  void add(const plan::Shield&) {}
  void add(const plan::ClampMss&) {}

  // Once the device is there.
  void add(const plan::Forward& forward) {
    forwarding_.push_back({Family::v4});
    if (forward.pool_v6 && facts_.has_v6) forwarding_.push_back({Family::v6});
  }

  void add(const plan::Interface& interface) {
    out_.emplace_back(LinkUp{interface.name, interface.mtu});
    for (const Prefix& p : interface.addresses) {
      if (!usable(p.address.family())) continue;
      const Address peer = peer_of(p);
      (p.address.is_v4() ? peer_v4_ : peer_v6_) = peer;
      out_.emplace_back(AddressOn{interface.name, p.address, peer});
      if (p.length < p.address.bits()) route(Route::Kind::tunnel, p.masked());
    }
  }

  void add(const plan::Capture& capture) {
    if (capture.into_tunnel.empty()) return;
    past_.clear();
    for (const Endpoint& e : capture.endpoints) server(e.address, capture);
    for (const Address& a : capture.asked) server(a, capture);
    for (const Prefix& p : capture.past_tunnel) outside(p.masked(), capture);
    if (capture.lan == plan::Lan::list) {
      for (const Prefix& p : capture.lan_prefixes) outside(p.masked(), capture);
    }
    // The halves last, and those of IPv6 after the others: until then nothing else is missing.
    for (const bool whole : {false, true}) {
      for (const Family family : {Family::v4, Family::v6}) tunnel_routes(capture, family, whole);
    }
  }

  void add(const plan::Resolver& r) { out_.emplace_back(r); }

  bool usable(Family family) const noexcept { return family == Family::v4 || facts_.has_v6; }

  // The server's inner address where the plan tells it.
  Address peer_of(const Prefix& own) const {
    for (const Prefix& p : inner_) {
      const bool host = p.length == p.address.bits() && p.address.family() == own.address.family();
      if (host && p.address != own.address) return p.address;
    }
    return neighbour(own);
  }

  void route(Route::Kind kind, const Prefix& to, Hop hop = {}) {
    if (kind == Route::Kind::tunnel) hop.router = to.address.is_v4() ? peer_v4_ : peer_v6_;
    if (kind == Route::Kind::tunnel && !hop.router) kind = Route::Kind::refused;
    // The kernel has made that one itself, with the address.
    if (kind == Route::Kind::tunnel && to == Prefix::host(*hop.router)) return;
    out_.emplace_back(Route{kind, to, hop});
  }

  std::optional<Hop> way_out(Family family, const plan::Capture& capture) const {
    if (capture.gateway && capture.gateway->family() == family) return Hop{capture.gateway};
    return family == Family::v4 ? facts_.default_v4 : facts_.default_v6;
  }

  // Without a default route there is no way, and the tunnel is none: packets of the tunnel in the
  // tunnel would go round for ever.
  void outside(const Prefix& to, const plan::Capture& capture) {
    const bool known = std::ranges::find(past_, to) != past_.end();
    if (known || !usable(to.address.family()) || !any_overlap(to, capture.into_tunnel)) return;
    past_.push_back(to);
    const auto hop = way_out(to.address.family(), capture);
    if (hop) {
      route(Route::Kind::outside, to, *hop);
    } else {
      route(Route::Kind::refused, to);
    }
  }

  // Where a route of others leads there that is at least as specific as all that we capture, that
  // one stays in use: a network that this host is on, or what an administrator has set.
  void server(const Address& a, const plan::Capture& capture) {
    const bool led = std::ranges::any_of(facts_.specific, [&](const auto& s) {
      return s.first == a && std::ranges::all_of(capture.into_tunnel, [&](const Prefix& p) {
               return !p.contains(a) || p.length <= s.second.length;
             });
    });
    if (!led || capture.gateway) outside(Prefix::host(a), capture);
  }

  void tunnel_routes(const plan::Capture& capture, Family family, bool whole) {
    if (!usable(family)) return;
    const auto kind =
        capture.refuse_v6 && family == Family::v6 ? Route::Kind::refused : Route::Kind::tunnel;
    for (const Prefix& p : capture.into_tunnel) {
      const Prefix to = p.masked();
      if (to.address.family() != family || (to.length == 0) != whole) continue;
      if (std::ranges::find(past_, to) != past_.end()) continue;
      if (whole) {
        for (const Prefix& half : halves(family)) route(kind, half);
      } else {
        route(kind, to);
      }
    }
  }

  const HostFacts& facts_;
  std::vector<Object> out_;
  std::vector<Prefix> inner_, past_;
  std::vector<Forwarding> forwarding_;
  std::optional<Address> peer_v4_, peer_v6_;
};

}  // namespace

std::vector<Address> outside_of(const plan::Plan& plan) {
  std::vector<Address> out;
  for (const plan::Step& step : plan.steps) {
    const auto* capture = std::get_if<plan::Capture>(&step);
    if (capture == nullptr) continue;
    for (const Endpoint& e : capture->endpoints) out.push_back(e.address);
    out.insert(out.end(), capture->asked.begin(), capture->asked.end());
  }
  return out;
}

std::vector<Object> lower(const plan::Plan& plan, const HostFacts& facts) {
  return Lowering(facts).run(plan);
}

}  // namespace vpnd::bsd
