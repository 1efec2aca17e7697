// SPDX-License-Identifier: ISC
// Our accepts in forward chains of other programs (Docker, ufw, a policy set by hand).

#include <fmt/format.h>
#include <netinet/in.h>
// After netinet/in.h, whose definitions it repeats otherwise.
#include <linux/netfilter.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "core/base/error.h"
#include "linux/nft.h"
#include "linux/nft_batch.h"
#include "linux/nft_dump.h"

namespace vpnd::nl {
namespace {

// The chain Docker keeps for rules of others and never rewrites.
constexpr const char* kUserChain = "DOCKER-USER";

std::uint8_t family_of(const ForeignAccept& a) {
  if (a.inet) return NFPROTO_INET;
  return a.family == Family::v4 ? NFPROTO_IPV4 : NFPROTO_IPV6;
}

std::vector<SeenRule> rules_of(const NftSocket& socket, const ForeignAccept& a) {
  std::vector<SeenRule> rules = list_rules(socket, family_of(a));
  std::erase_if(rules, [&](const SeenRule& r) { return r.table != a.table; });
  return rules;
}

std::string target_chain(const std::vector<SeenRule>& rules, const ForeignAccept& a) {
  const bool jumps = std::any_of(rules.begin(), rules.end(), [&](const SeenRule& r) {
    return r.chain == a.chain && r.jump == kUserChain;
  });
  return jumps ? kUserChain : a.chain;
}

bool for_us(const SeenRule& rule, const ForeignAccept& a) {
  return rule.accepts && rule.accepts->name == a.interface &&
         (rule.chain == a.chain || rule.chain == kUserChain);
}

std::vector<SeenRule> made_by_us(const std::vector<SeenRule>& rules, const ForeignAccept& a) {
  std::vector<SeenRule> ours;
  for (const SeenRule& rule : rules)
    if (for_us(rule, a) && rule.comment == tag(a.interface)) ours.push_back(rule);
  return ours;
}

// What to take away: the tagged ones, else the first of the same content in each direction.
std::vector<SeenRule> to_remove(const std::vector<SeenRule>& rules, const ForeignAccept& a) {
  std::vector<SeenRule> chosen = made_by_us(rules, a);
  if (!chosen.empty()) return chosen;
  std::set<NftDevice::Side> sides;
  for (const SeenRule& rule : rules)
    if (for_us(rule, a) && rule.comment.empty() && sides.insert(rule.accepts->side).second)
      chosen.push_back(rule);
  return chosen;
}

void remove_all(NftBatch& batch, const std::vector<SeenRule>& rules) {
  for (const SeenRule& rule : rules)
    batch.delete_rule(rule.family, rule.table, rule.chain, rule.handle);
}

}  // namespace

void insert(NftSocket& socket, const ForeignAccept& a) {
  const std::vector<SeenRule> rules = rules_of(socket, a);
  const std::string chain = target_chain(rules, a);
  NftBatch batch;
  remove_all(batch, made_by_us(rules, a));
  // No match on the connection's state: iptables cannot read one and refuses the whole chain. Our
  // own forward chain has it.
  for (const NftDevice::Side side : {NftDevice::Side::out, NftDevice::Side::in})
    batch.add_rule(family_of(a), a.table, chain,
                   {{NftDevice{side, false, a.interface}}, true, NftAccept{}, tag(a.interface)},
                   true);
  const std::optional<NftRefusal> refusal = socket.send(batch);
  if (!refusal) return;
  if (refusal->errnum == EPERM && !refusal->at_start)
    throw Error(refusal->doing, EPERM, "another program owns that table", Exit::permission,
                fmt::format("Let that firewall forward {} itself.", a.interface));
  fail(*refusal);
}

std::string chain_for(NftSocket& socket, const ForeignAccept& a) {
  return target_chain(rules_of(socket, a), a);
}

bool remove(NftSocket& socket, const ForeignAccept& a) noexcept {
  try {
    NftBatch batch;
    remove_all(batch, to_remove(rules_of(socket, a), a));
    return !socket.send(batch);
  } catch (const std::exception&) {
    return false;
  }
}

bool present(NftSocket& socket, const ForeignAccept& a) {
  const std::vector<SeenRule> rules = rules_of(socket, a);
  const std::string chain = target_chain(rules, a);
  std::set<NftDevice::Side> sides;
  for (const SeenRule& rule : rules)
    if (for_us(rule, a) && rule.chain == chain) sides.insert(rule.accepts->side);
  return sides.size() == 2;
}

std::vector<ForeignAccept> our_foreign_accepts(NftSocket& socket, const std::string& interface) {
  std::vector<ForeignAccept> found;
  for (const std::uint8_t family :
       {std::uint8_t{NFPROTO_IPV4}, std::uint8_t{NFPROTO_IPV6}, std::uint8_t{NFPROTO_INET}}) {
    for (const SeenRule& rule : list_rules(socket, family)) {
      if (!rule.accepts || rule.comment != tag(rule.accepts->name)) continue;
      if (!interface.empty() && rule.accepts->name != interface) continue;
      const ForeignAccept accept{family == NFPROTO_IPV6 ? Family::v6 : Family::v4,
                                 family == NFPROTO_INET, rule.table, rule.chain,
                                 rule.accepts->name};
      if (std::find(found.begin(), found.end(), accept) == found.end()) found.push_back(accept);
    }
  }
  return found;
}

std::vector<HostFacts::DropChain> forward_drop_chains(NftSocket& socket) {
  const std::vector<SeenTable> tables = list_tables(socket);
  std::vector<HostFacts::DropChain> found;
  for (const SeenChain& chain : list_chains(socket)) {
    const bool known = chain.family == NFPROTO_IPV4 || chain.family == NFPROTO_IPV6 ||
                       chain.family == NFPROTO_INET;
    if (!known || !chain.forward_drop) continue;
    const auto table = std::find_if(tables.begin(), tables.end(), [&](const SeenTable& t) {
      return t.family == chain.family && t.name == chain.table;
    });
    if (table == tables.end() || is_tag(table->comment)) continue;
    found.push_back({chain.family == NFPROTO_IPV6 ? Family::v6 : Family::v4,
                     chain.family == NFPROTO_INET, chain.table, chain.name,
                     table->owner != 0 && table->owner != socket.port_id()});
  }
  return found;
}

}  // namespace vpnd::nl
