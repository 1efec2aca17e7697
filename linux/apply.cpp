// SPDX-License-Identifier: ISC
#include "linux/apply.h"

#include <algorithm>
#include <cerrno>

#include "core/base/error.h"
#include "core/base/log.h"
#include "linux/facts.h"
#include "linux/held.h"
#include "linux/setting.h"
#include "linux/way.h"

namespace vpnd::nl {
namespace {

// What the sweep at start left for us, and nothing in the new plan wanted.
void drop_spared(Sockets& s) {
  for (const Dumped<Rule>& r : s.spared_rules) {
    (void)s.rt.echo(r.message, kDeleteRule);
    if (s.journal) s.journal->strike(text(r.object));
  }
  for (const Dumped<Route>& r : s.spared_routes) {
    (void)s.rt.echo(r.message, kDeleteRoute);
    if (s.journal) s.journal->strike(text(r.object));
  }
  for (const auto& [address, index] : s.spared_addresses) (void)remove(s.rt, address, index);
  drop_spared_settings(s);
  for (const ForeignAccept& a : s.spared_accepts) (void)remove(s.nft, a);
  if (!s.spared_table.empty()) (void)remove_table(s.nft, s.spared_table);
  if (!s.spared_wall.empty()) (void)remove_wall(s.nft, s.spared_wall);
  s.spared_rules.clear();
  s.spared_addresses.clear();
  s.spared_table.clear();
  s.spared_wall.clear();
  s.spared_routes.clear();
  s.spared_accepts.clear();
}

}  // namespace

Host::Host(Fd nft) : sockets_(std::make_unique<Sockets>()) {
  if (nft) sockets_->nft = NftSocket(std::move(nft));
}
Host::~Host() = default;
Host::Host(Host&&) noexcept = default;
Host& Host::operator=(Host&&) noexcept = default;

void Host::note_in(const std::string& state_dir, const std::string& interface) {
  sockets_->journal.emplace(state_dir, interface);
}

void Host::note(const std::string& line) noexcept {
  try {
    if (sockets_->journal) sockets_->journal->note(line);
  } catch (const std::exception& e) {
    log(Level::warning, "{}", e.what());
  }
}

HostFacts Host::facts() {
  HostFacts facts = gather(sockets_->rt);
  if (sockets_->journal) as_before(facts, sockets_->journal->directory());
  return facts;
}

HostFacts Host::facts_for(const plan::Plan& plan) {
  HostFacts facts = this->facts();
  const auto forwards = [](const auto& step) {
    return std::holds_alternative<plan::Forward>(step);
  };
  // A client's start does not wait for the answer: the kernel takes 16 ms to take back a chain.
  if (std::ranges::none_of(plan.steps, forwards)) return facts;
  try {
    facts.drop_chains = forward_drop_chains(sockets_->nft);
    auto& counts = sockets_->counts_connections;
    if (!counts) counts = nl::counts_connections(sockets_->nft);
    facts.counts_connections = *counts;
  } catch (const Error& e) {
    // `vpnd plan` also works for ordinary users, who may not read the firewall.
    if (e.errnum() != EPERM) throw;
    log(Level::notice, "the firewall of this host cannot be read without privileges");
  }
  return facts;
}

plan::Applied Host::apply(const std::vector<Object>& objects,
                          const std::function<void(std::size_t)>& before) {
  plan::Applied applied;
  for (std::size_t i = 0; i < objects.size(); ++i) {
    if (before) before(i);
    applied.hold(std::visit([this](const auto& o) { return hold(*sockets_, o); }, objects[i]));
  }
  drop_spared(*sockets_);
  return applied;
}

void Host::remake(const Object& object, std::unique_ptr<plan::Held>& held) {
  std::visit([&](const auto& o) { nl::remake(*sockets_, o, held); }, object);
}

bool Host::drops(const ForeignAccept& a) {
  const auto chains = forward_drop_chains(sockets_->nft);
  return std::ranges::any_of(chains, [&a](const HostFacts::DropChain& c) {
    return c.family == a.family && c.inet == a.inet && c.table == a.table && c.chain == a.chain &&
           !c.owned;
  });
}

std::string Host::way_to(const Address& to, Fwmark mark) {
  return nl::way_to(sockets_->rt, to, mark);
}

const std::string& Host::dns() const noexcept {
  return sockets_->dns;
}

int Host::tables() const noexcept {
  return sockets_->nft.fd();
}

bool Host::present(const Object& object) {
  return std::visit([this](const auto& o) { return is_present(*sockets_, o); }, object);
}

}  // namespace vpnd::nl
