// SPDX-License-Identifier: ISC
// The keeper's part in finding the server by its name. The engine asks and reads the answers; here
// it is decided whom it may ask, when, and which of the addresses it names may be reached past the
// tunnel. An address may be a lie: what it leads to is found out by the handshake, and until then
// nothing but that handshake goes there.

#include <algorithm>
#include <cerrno>

#include "core/plan/keeper.h"
#include "core/plan/resolv_conf.h"

namespace vpnd::plan {

using engine::ClientState;

bool Keeper::looks_up() const noexcept {
  const auto* client = std::get_if<ClientConfig>(&config_);
  const bool wanted = state_ == ClientState::connecting || state_ == ClientState::reconnecting;
  return client != nullptr && wanted && looked_up_name(client->host).has_value();
}

Posture Keeper::posture() const noexcept {
  if (state_ == ClientState::blocked) return Posture::blocked;
  return lease_ ? Posture::up : Posture::connecting;
}

// Those that the tunnel brought are not of the host's own network.
void Keeper::find_resolvers() {
  asked_.clear();
  for (const Address& a : machine_.outer_resolvers()) {
    const auto named = [&a](const Step& step) {
      const auto* r = std::get_if<Resolver>(&step);
      return r != nullptr && std::ranges::find(r->servers, a) != r->servers.end();
    };
    if (asked_.size() == engine::kMostResolvers) break;
    if (std::ranges::any_of(plan_.steps, named) || (lease_ && is_inner(a, *lease_))) continue;
    asked_.push_back(a);
  }
}

Actions Keeper::on(const engine::AskResolver& m, TimePoint now) {
  if (!looks_up()) return violation("it wanted to look up a name when there was none to look up");
  if (stopping_ || !asks_.take(now)) return {action::RefuseResolver{m, EAGAIN}};
  // Not before: a session that is soon back changes nothing on the machine. And each time, for the
  // network may have become another one.
  if (m.resolver == 0) {
    find_resolvers();
    settle(posture(), lease_);
  }
  if (m.resolver >= asked_.size()) return {action::RefuseResolver{m, ENOENT}};
  return {action::DialResolver{m, asked_[m.resolver]}};
}

Actions Keeper::on(const engine::UseAddresses& m, TimePoint now) {
  if (!looks_up()) return violation("it named addresses when there was no name to look up");
  if (stopping_) return {};
  if (m.addresses.empty() || !answers_.take(now)) {
    return violation("it named addresses again and again");
  }
  const std::uint16_t port = std::get<ClientConfig>(config_).port;
  std::vector<Endpoint> next;
  for (const Address& a : m.addresses) {
    const Endpoint e{a, port};
    const bool known = std::ranges::find(endpoints_, e) != endpoints_.end();
    if (!known && !wire::may_be_server(a)) return violation("it named " + a.text());
    next.push_back(e);
  }
  endpoints_ = std::move(next);
  endpoints_looked_up_ = true;
  if (lease_) leave_out_inner(*lease_);
  settle(posture(), lease_);
  ways_ = ways();
  return {};
}

bool Keeper::is_inner(const Address& a, const wire::Lease& lease) const {
  if (a == lease.server_v4 || lease.client_v4.contains(a)) return true;
  return lease.has_v6() && (a == lease.server_v6 || lease.client_v6.contains(a));
}

// An answer that names the tunnel's own addresses, or its resolvers, would open a way past the
// tunnel to them, and the lease that gives them would be refused. The engine counts on its list, so
// a place stays empty.
void Keeper::leave_out_inner(const wire::Lease& lease) {
  if (!endpoints_looked_up_) return;
  const auto& named = std::get<ClientConfig>(config_).dns.servers;
  for (Endpoint& e : endpoints_) {
    const Address& a = e.address;
    const bool resolver =
        a == lease.dns_v4 || a == lease.dns_v6 || std::ranges::find(named, a) != named.end();
    if (resolver || is_inner(a, lease)) e = Endpoint{};
  }
}

}  // namespace vpnd::plan
