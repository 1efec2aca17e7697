// SPDX-License-Identifier: ISC
#include "bsd/network.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "bsd/forwarding_note.h"
#include "bsd/resolver_file.h"
#include "bsd/sockaddr.h"
#include "core/base/error.h"
#include "core/base/log.h"

namespace vpnd::bsd {
namespace {

constexpr const char* kResolverNote = "resolver";
constexpr const char* kWhyTaken =
    "Another program has made a route of that name. Stop it, or leave that network out.";

std::string list(const std::vector<Address>& servers) {
  std::string out;
  for (const Address& a : servers) out += (out.empty() ? "" : " ") + a.text();
  return out;
}

Prefix all_of(Family family) noexcept {
  return {family == Family::v4 ? Address{} : Address::v6(ByteArray<16>{}), 0};
}

// A route to one host that the kernel has made for itself out of another route, or was told by a
// router: it goes when that one does.
bool made_by_kernel(const RouteMessage& m) noexcept {
  const bool host = m.to.length == m.to.address.bits();
  return host && (m.flags & kRtfGateway) != 0 && (m.flags & kRtfStatic) == 0;
}

}  // namespace

Network::Network(System& system, const Traits& traits, std::string directory) noexcept
    : system_(system), traits_(traits), directory_(std::move(directory)), routes_(system, traits) {}

void Network::note_in(std::unique_ptr<Journal> journal) noexcept {
  journal_ = std::move(journal);
}

void Network::note(const std::string& line) noexcept {
  if (journal_) journal_->note(line);
}

void Network::strike(const std::string& line) noexcept {
  if (journal_) journal_->strike(line);
}

std::vector<JournalCopy> Network::others() const {
  return journals(system_, directory_, journal_ ? journal_->interface() : std::string());
}

// ---- looking

std::optional<Hop> Network::default_hop(Family family, std::uint16_t* interface) {
  const auto found = routes_.find(all_of(family));
  if (!found || (found->flags & (kRtfReject | kRtfBlackhole | kRtfOurs)) != 0) return std::nullopt;
  if (interface != nullptr) *interface = found->interface;
  Hop hop = found->hop;
  if (hop.router && is_link_local(*hop.router) && hop.scope == 0) hop.scope = found->interface;
  if (!hop.router && hop.interface == 0) hop.interface = found->interface;
  return hop.router || hop.interface != 0 ? std::optional(hop) : std::nullopt;
}

HostFacts Network::facts(const plan::Plan& plan) {
  HostFacts out;
  out.links = system_.links();
  for (const Link& link : out.links) {
    out.has_v6 = out.has_v6 || std::ranges::any_of(link.addresses, [](const Prefix& p) {
                   return !p.address.is_v4();
                 });
  }
  std::uint16_t uplink = 0;
  out.default_v4 = default_hop(Family::v4, &uplink);
  if (out.has_v6) out.default_v6 = default_hop(Family::v6, nullptr);
  const auto named = std::ranges::find(out.links, uplink, &Link::index);
  if (uplink != 0 && named != out.links.end()) out.uplink = named->name;
  for (const Address& a : outside_of(plan)) {
    if (!a.is_v4() && !out.has_v6) continue;
    const auto way = routes_.way(a);
    if (!way || way->to.length == 0 || made_by_kernel(*way)) continue;
    if ((way->flags & (kRtfReject | kRtfOurs)) == 0) out.specific.emplace_back(a, way->to);
  }
  return out;
}

std::string Network::way_to(const Address& to) {
  const auto found = routes_.way(to);
  if (!found || (found->flags & (kRtfReject | kRtfBlackhole)) != 0) return {};
  const auto links = system_.links();
  const auto link = std::ranges::find(links, found->interface, &Link::index);
  if (found->interface != 0 && link != links.end() && !link->up) return {};
  const std::string by = found->hop.router ? "via " + found->hop.router->text() : "on the link";
  return found->interface != 0 && link != links.end() ? by + " dev " + link->name : by;
}

// ---- all kinds

void Network::make(const Object& object) {
  std::visit([this](const auto& o) { put(o); }, object);
}

void Network::undo(const Object& object) noexcept {
  try {
    std::visit([this](const auto& o) { take(o); }, object);
  } catch (const std::exception& e) {
    log(Level::warning, "{}", e.what());
  }
}

bool Network::present(const Object& object) {
  return std::visit([this](const auto& o) { return is_there(o); }, object);
}

int Network::configure(Ioctl r) {
  return system_.configure(r.family, r.number, r.argument);
}

// ---- the interface and its addresses

void Network::put(const LinkUp& link) {
  const Mtu mtu = std::min(link.mtu, traits_.most_mtu);
  const auto fail = [&](const char* doing, int why) {
    throw Error(fmt::format("{} of {}", doing, link.interface), why, {}, Exit::os);
  };
  if (const int why = configure(set_mtu(traits_, link.interface, mtu)); why != 0) {
    fail("set the MTU", why);
  }
  Ioctl r = ask_flags(traits_, link.interface);
  if (const int why = system_.configure(r.family, r.number, r.argument); why != 0) {
    fail("ask for the state", why);
  }
  const auto flags = static_cast<std::uint16_t>(flags_in(r.argument) | kIffUp);
  if (const int why = configure(set_flags(traits_, link.interface, flags)); why != 0) {
    fail("change the state", why);
  }
}

bool Network::is_there(const LinkUp& link) {
  Ioctl r = ask_flags(traits_, link.interface);
  return system_.configure(r.family, r.number, r.argument) == 0 &&
         (flags_in(r.argument) & kIffUp) != 0;
}

void Network::put(const AddressOn& a) {
  const int why = configure(add_address(traits_, a.interface, a.own, a.peer));
  if (why != 0) throw Error("add " + name_of(a), why, {}, Exit::os);
}

void Network::take(const AddressOn& a) noexcept {
  const int why = configure(delete_address(traits_, a.interface, a.own));
  const bool gone = why == 0 || why == EADDRNOTAVAIL || why == ENXIO;
  if (!gone) log(Level::warning, "{} cannot be removed (error {})", name_of(a), why);
}

bool Network::is_there(const AddressOn& a) {
  const auto links = system_.links();
  const auto link = std::ranges::find(links, a.interface, &Link::name);
  return link != links.end() &&
         std::ranges::any_of(link->addresses, [&a](const Prefix& p) { return p.address == a.own; });
}

// ---- routes

void Network::put(const Route& r) {
  const std::string line = note_of(r);
  for (const JournalCopy& other : others()) {
    if (!other.living || std::ranges::find(other.lines, line) == other.lines.end()) continue;
    if (r.kind == Route::Kind::outside) return;
    throw Error("add " + name_of(r), 0, "the tunnel " + other.interface + " has it", Exit::config);
  }
  const bool noted = journal_ && journal_->has(line);
  note(line);
  const auto why = routes_.make(r);
  if (!why) return;
  if (!noted) strike(line);
  // Whoever has made one past the tunnel has done our work.
  if (*why == EEXIST && r.kind == Route::Kind::outside) return;
  throw Error("add " + name_of(r), *why, {}, Exit::os, *why == EEXIST ? kWhyTaken : "");
}

void Network::take(const Route& r) noexcept {
  if (journal_ && !journal_->has(note_of(r))) return;  // it was never ours
  try {
    const auto why = routes_.remove(r.to);
    if (!why) return strike(note_of(r));
    log(Level::warning, "{} cannot be removed (error {})", name_of(r), *why);
  } catch (const Error& e) {
    log(Level::warning, "{}", e.what());
  }
}

// One of somebody else's past the tunnel will do.
bool Network::is_there(const Route& r) {
  if (routes_.present(r)) return true;
  if (r.kind != Route::Kind::outside) return false;
  const auto there = routes_.find(r.to);
  return there && (there->flags & kRtfOurs) == 0;
}

// ---- forwarding

void Network::put(const Forwarding& f) {
  const auto now = system_.forwarding(f.family);
  if (!now) throw Error("read " + name_of(f), 0, "the kernel does not tell", Exit::os);
  int before = *now;
  // Another tunnel of ours may have turned it on; the last one turns it off.
  for (const JournalCopy& other : others()) {
    const auto theirs = ForwardingNote::in(other.lines, f.family);
    if (*now != 0 && other.living && theirs) before = theirs->before;
  }
  if (before != 0) return;
  note(ForwardingNote{f.family, before}.line());
  if (*now != 0) return;
  if (const int why = system_.set_forwarding(f.family, 1); why != 0) {
    strike(ForwardingNote{f.family, before}.line());
    throw Error("turn on " + name_of(f), why, {}, Exit::os);
  }
}

void Network::take(const Forwarding& f) noexcept {
  const auto noted = journal_ ? ForwardingNote::in(journal_->lines(), f.family) : std::nullopt;
  if (!noted) return;
  const bool wanted = std::ranges::any_of(others(), [&](const JournalCopy& other) {
    return other.living && ForwardingNote::in(other.lines, f.family);
  });
  const int why = wanted ? 0 : system_.set_forwarding(f.family, noted->before);
  if (why == 0) return strike(noted->line());
  log(Level::warning, "{} cannot be set back (error {})", name_of(f), why);
}

bool Network::is_there(const Forwarding& f) {
  return system_.forwarding(f.family).value_or(0) != 0;
}

// ---- the resolver file: a tunnel comes up whatever its state

void Network::put(const plan::Resolver& r) {
  std::string why;
  const auto owner = resolver_file_of(system_);
  for (const JournalCopy& other : others()) {
    if (owner && other.living && other.interface == *owner) {
      why = "the tunnel " + *owner + " has the resolver file";
    }
  }
  if (r.mode == plan::DnsMode::resolved) why = "there is no systemd-resolved on this system";
  try {
    if (why.empty()) {
      note(kResolverNote);
      write_resolver_file(system_, r);
      dns_ = list(r.servers) + ", by the resolver file";
      return;
    }
  } catch (const Error& e) {
    why = e.what();
    if (resolver_file_of(system_) != r.interface) strike(kResolverNote);
  }
  log(Level::warning, "the resolver is not set: {}", why);
  dns_ = "not set: " + why;
}

void Network::take(const plan::Resolver& r) noexcept {
  dns_.clear();
  try {
    (void)restore_resolver_file(system_, r.interface);
    strike(kResolverNote);
  } catch (const Error& e) {
    log(Level::warning, "{}", e.what());
  }
}

bool Network::is_there(const plan::Resolver& r) {
  return resolver_file_of(system_) == r.interface;
}

}  // namespace vpnd::bsd
