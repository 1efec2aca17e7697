// SPDX-License-Identifier: ISC
#include "bsd/route_socket.h"

#include <algorithm>
#include <cerrno>

#include "core/base/error.h"

namespace vpnd::bsd {
namespace {

constexpr int kMostMessages = 4096;  // of others, before our answer
constexpr std::size_t kRoom = 2048;  // of one message, with all the addresses that there are

std::uint32_t flags_of(const Route& r) noexcept {
  const bool host = r.to.length == r.to.address.bits();
  std::uint32_t flags = kRtfUp | kRtfStatic | kRtfOurs;
  if (host) flags |= kRtfHost;
  if (r.kind == Route::Kind::refused) return flags | kRtfReject;
  return r.hop.router ? flags | kRtfGateway : flags;
}

// What refuses is said to lie behind the loopback, since a route must lead somewhere.
Hop hop_of(const Route& r) {
  if (r.kind != Route::Kind::refused) return r.hop;
  ByteArray<16> one{};
  one[15] = 1;
  return {r.to.address.is_v4() ? Address::v4(127, 0, 0, 1) : Address::v6(one)};
}

bool same_hop(const Hop& wanted, const Hop& found) noexcept {
  if (wanted.router) return found.router == wanted.router;
  return found.interface == wanted.interface;
}

bool is_ours(const RouteMessage& m) noexcept {
  return (m.flags & kRtfOurs) != 0;
}

}  // namespace

int RouteSocket::say(std::uint8_t type, const Route& r) {
  RouteMessage m;
  m.type = type;
  m.flags = flags_of(r);
  m.to = r.to;
  m.mask = (m.flags & kRtfHost) == 0;
  if (type != kDelete) m.hop = hop_of(r);
  m.table = system_.routing_table();
  m.seq = ++seq_;
  return system_.say(build(traits_, m));
}

// A router is reached by an interface, not by another router; one of a link by that link.
bool RouteSocket::reachable(const Hop& hop) {
  if (!hop.router || hop.scope != 0) return true;
  const auto found = way(*hop.router);
  return found && (found->flags & (kRtfGateway | kRtfReject)) == 0;
}

std::optional<int> RouteSocket::make(const Route& r) {
  const bool doubtful = !traits_.checks_gateway && r.kind != Route::Kind::refused;
  if (doubtful && !reachable(r.hop)) return ENETUNREACH;
  int why = say(kAdd, r);
  if (why == 0) return std::nullopt;
  if (why != EEXIST) return why;
  const auto there = find(r.to);
  if (!there || !is_ours(*there)) return EEXIST;
  if (present(r)) return std::nullopt;
  // One that refuses cannot become one that leads somewhere, nor the other way round.
  const bool refuses = (there->flags & kRtfReject) != 0;
  if (refuses == (r.kind == Route::Kind::refused) && say(kChange, r) == 0) return std::nullopt;
  if (const auto left = remove(r.to)) return left;
  why = say(kAdd, r);
  return why == 0 ? std::nullopt : std::optional(why);
}

std::optional<int> RouteSocket::remove(const Prefix& to) {
  const auto there = find(to);
  if (!there || !is_ours(*there)) return std::nullopt;
  Route r;
  r.to = to;
  r.hop = there->hop;
  if ((there->flags & kRtfReject) != 0) r.kind = Route::Kind::refused;
  const int why = say(kDelete, r);
  return why == 0 || why == ESRCH ? std::nullopt : std::optional(why);
}

std::optional<RouteMessage> RouteSocket::find(const Prefix& to) {
  RouteMessage question;
  question.to = to;
  const bool host = to.length == to.address.bits();
  question.mask = !host;
  if (host) question.flags = kRtfHost;
  auto found = ask(question);
  if (!found || found->to != to) return std::nullopt;
  return found;
}

std::optional<RouteMessage> RouteSocket::way(const Address& to) {
  RouteMessage question;
  question.to = Prefix::host(to);
  question.flags = kRtfHost;
  question.mask = false;
  return ask(question);
}

std::optional<RouteMessage> RouteSocket::ask(RouteMessage question) {
  question.type = kGet;
  question.flags |= kRtfUp | kRtfGateway;
  question.ask_interface = traits_.tells_interface;
  question.table = system_.routing_table();
  question.seq = ++seq_;
  const Family family = question.to.address.family();
  const int why = system_.say(build(traits_, question));
  // Absent; or this machine has no such addresses.
  if (why == ESRCH || why == EAFNOSUPPORT || why == ENETUNREACH) return std::nullopt;
  if (why != 0) throw Error("ask the kernel for a route", why, {}, Exit::os);
  return answer(question.seq, family);
}

// Everybody's messages come by this socket.
std::optional<RouteMessage> RouteSocket::answer(std::uint32_t seq, Family family) {
  ByteArray<kRoom> room;
  for (int i = 0; i < kMostMessages; ++i) {
    const int n = system_.hear(room);
    if (n == -ENOBUFS) continue;
    if (n < 0) throw Error("hear of a route", -n, {}, Exit::os);
    const Parsed parsed = parse(traits_, Bytes(room).first(static_cast<std::size_t>(n)));
    if (!parsed.message || !answers(*parsed.message, system_.pid(), seq)) continue;
    if (parsed.message->errnum != 0 || parsed.message->to.address.family() != family) {
      return std::nullopt;
    }
    return parsed.message;
  }
  throw Error("hear of a route", 0, "others talk without end", Exit::os);
}

bool RouteSocket::present(const Route& r) {
  const auto there = find(r.to);
  if (!there || !is_ours(*there)) return false;
  const bool refuses = (there->flags & kRtfReject) != 0;
  if (r.kind == Route::Kind::refused) return refuses;
  return !refuses && same_hop(r.hop, there->hop);
}

std::vector<Prefix> RouteSocket::ours() {
  std::vector<Prefix> out;
  for (const Family family : {Family::v4, Family::v6}) {
    const auto dump = system_.dump_routes(family);
    Bytes rest(dump);
    while (!rest.empty()) {
      const Parsed parsed = parse(traits_, rest);
      if (parsed.length == 0) break;
      rest = rest.subspan(parsed.length);
      if (!parsed.message || !is_ours(*parsed.message)) continue;
      if ((parsed.message->flags & kRtfStatic) != 0) out.push_back(parsed.message->to);
    }
  }
  return out;
}

}  // namespace vpnd::bsd
