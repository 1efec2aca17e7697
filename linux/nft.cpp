// SPDX-License-Identifier: ISC
#include "linux/nft.h"

#include <fmt/format.h>
#include <netinet/in.h>
// After netinet/in.h, whose definitions it repeats otherwise.
#include <linux/netfilter.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "core/base/error.h"
#include "linux/nft_batch.h"
#include "linux/nft_dump.h"
#include "linux/nft_flags.h"

namespace vpnd::nl {
namespace {

constexpr int kInstallTries = 3;

std::string name_of(const Ours& which) {
  return which.part == Part::wall ? wall_name(which.interface) : table_name(which.interface);
}

// The tables with the name of ours, whoever made them.
std::vector<SeenTable> namesakes(const NftSocket& socket, const Ours& which) {
  std::vector<SeenTable> tables = list_tables(socket);
  std::erase_if(tables, [&](const SeenTable& t) {
    return t.name != name_of(which) || (t.family != NFPROTO_INET && t.family != NFPROTO_ARP);
  });
  return tables;
}

Error held_elsewhere(const Ours& which) {
  return Error(fmt::format("change table {}", name_of(which)), EPERM, "a running process owns it",
               Exit::temporary,
               fmt::format("Stop the vpnd that serves {}, or choose another interface name.",
                           which.interface));
}

void must_be_ours(const NftSocket& socket, const SeenTable& table, const Ours& which) {
  if (ours(table) != which)
    throw Error(fmt::format("add table {}", table.name), EEXIST,
                "there is one that vpnd did not make", Exit::failure,
                "Delete it, or choose another interface name.");
  if (table.owner != 0 && table.owner != socket.port_id()) throw held_elsewhere(which);
}

std::optional<NftRefusal> swap(const NftSocket& socket, const Ours& which,
                               const std::vector<SeenTable>& old,
                               const std::vector<NftTable>& tables, Life life) {
  std::optional<NftRefusal> refusal;
  for (const std::uint32_t flags : table_flags(life)) {
    NftBatch batch;
    for (const SeenTable& table : old) batch.delete_table(table.family, table.name);
    for (const NftTable& table : tables) batch.add(table, flags, tag(which.interface, which.part));
    refusal = socket.send(batch);
    if (!refusal || !refusal->at_table) return refusal;
    if (refusal->errnum != EOPNOTSUPP && refusal->errnum != EINVAL) return refusal;
  }
  return refusal;
}

void put(NftSocket& socket, const Ours& which, const std::vector<NftTable>& tables, Life life) {
  for (int tries = 1;; ++tries) {
    const std::vector<SeenTable> old = namesakes(socket, which);
    for (const SeenTable& table : old) must_be_ours(socket, table, which);
    const std::optional<NftRefusal> refusal = swap(socket, which, old, tables, life);
    if (!refusal) return;
    // Somebody made or removed the table after we had looked.
    const bool raced = refusal->errnum == ENOENT || refusal->errnum == EEXIST;
    if (refusal->at_table && raced && tries < kInstallTries) continue;
    if (refusal->at_table && refusal->errnum == EPERM) throw held_elsewhere(which);
    fail(*refusal);
  }
}

bool remove(NftSocket& socket, const Ours& which) noexcept {
  try {
    NftBatch batch;
    for (const SeenTable& table : namesakes(socket, which))
      if (ours(table) == which) batch.delete_table(table.family, table.name);
    return !socket.send(batch);
  } catch (const std::exception&) {
    return false;
  }
}

bool exists(const NftSocket& socket, const Ours& which) {
  const std::vector<SeenTable> tables = namesakes(socket, which);
  return std::any_of(tables.begin(), tables.end(), [&](const SeenTable& t) {
    return t.family == NFPROTO_INET && ours(t) == which;
  });
}

bool complete(const NftSocket& socket, const Ours& which, const std::vector<NftTable>& wanted) {
  const std::vector<SeenTable> seen = namesakes(socket, which);
  for (const NftTable& table : wanted) {
    const std::uint8_t family = nft_family(table.kind);
    const bool found_table = std::any_of(seen.begin(), seen.end(), [&](const SeenTable& t) {
      return t.family == family && ours(t) == which;
    });
    if (!found_table) return false;
    std::vector<std::pair<std::string, std::string>> expected, found;
    for (const NftChain& chain : table.chains)
      for (const NftRule& rule : chain.rules) expected.emplace_back(chain.name, rule.comment);
    for (const SeenRule& rule : list_rules(socket, family))
      if (rule.table == table.name) found.emplace_back(rule.chain, rule.comment);
    if (found != expected) return false;
  }
  return true;
}

bool taken(const SeenTable& table, const NftSocket& socket) {
  return table.owner != 0 && table.owner != socket.port_id();
}

std::vector<std::string> interfaces(NftSocket& socket, bool abandoned_only) {
  std::set<std::string> names;
  std::set<std::string> living;
  for (const SeenTable& table : list_tables(socket)) {
    const std::optional<Ours> which = ours(table);
    if (!which) continue;
    names.insert(which->interface);
    if (taken(table, socket)) living.insert(which->interface);
  }
  if (abandoned_only)
    for (const std::string& name : living) names.erase(name);
  return {names.begin(), names.end()};
}

}  // namespace

void fail(const NftRefusal& refusal) {
  if (refusal.errnum == EPERM || refusal.errnum == EACCES)
    throw Error(refusal.doing, refusal.errnum, refusal.detail, Exit::permission,
                refusal.at_start ? "Run with sudo." : "");
  const bool lacking = refusal.errnum == EOPNOTSUPP || refusal.errnum == ENOENT ||
                       refusal.errnum == EPROTONOSUPPORT || refusal.errnum == EAFNOSUPPORT;
  throw Error(refusal.doing, refusal.errnum, refusal.detail, lacking ? Exit::os : Exit::failure,
              lacking ? "The kernel may lack a part of nf_tables." : "");
}

void install(NftSocket& socket, const FilterTable& table) {
  put(socket, {table.interface, Part::tunnel}, render(table),
      table.session_only ? Life::session : Life::persistent);
}

void install(NftSocket& socket, const Wall& wall) {
  put(socket, {wall.interface, Part::wall}, {render(wall)},
      wall.session_only ? Life::session : Life::persistent);
}

void install_tables(NftSocket& socket, const std::string& interface,
                    const std::vector<NftTable>& tables) {
  put(socket, {interface, Part::tunnel}, tables, Life::persistent);
}

bool remove_table(NftSocket& socket, const std::string& interface) noexcept {
  return remove(socket, {interface, Part::tunnel});
}

bool remove_wall(NftSocket& socket, const std::string& interface) noexcept {
  return remove(socket, {interface, Part::wall});
}

bool table_present(NftSocket& socket, const std::string& interface) {
  return exists(socket, {interface, Part::tunnel});
}

bool wall_present(NftSocket& socket, const std::string& interface) {
  return exists(socket, {interface, Part::wall});
}

bool table_owned(NftSocket& socket, const std::string& interface) {
  const std::vector<SeenTable> tables = namesakes(socket, {interface, Part::tunnel});
  return std::any_of(tables.begin(), tables.end(), [&](const SeenTable& t) {
    return t.family == NFPROTO_INET && t.owner == socket.port_id();
  });
}

bool present(NftSocket& socket, const FilterTable& wanted) {
  return complete(socket, {wanted.interface, Part::tunnel}, render(wanted));
}

bool present(NftSocket& socket, const Wall& wanted) {
  return complete(socket, {wanted.interface, Part::wall}, {render(wanted)});
}

std::vector<std::string> our_tables(NftSocket& socket) {
  return interfaces(socket, false);
}

std::vector<std::string> our_abandoned_tables(NftSocket& socket) {
  return interfaces(socket, true);
}

NftSupport support(const NftSocket& socket) {
  // The second step always fails, which takes the table back before anybody can see it.
  const auto takes = [&](std::uint32_t flags) {
    NftBatch batch;
    batch.add_table(NFPROTO_INET, "vpnd_probe", flags, "vpnd probe");
    batch.delete_rule(NFPROTO_INET, "vpnd_probe", "vpn_none", 1);
    const std::optional<NftRefusal> refusal = socket.send(batch);
    return refusal && !refusal->at_start && !refusal->at_table;
  };
  NftSupport found;
  found.owner = takes(kTableOwner);
  found.persist = found.owner && takes(kTableOwner | kTablePersist);
  return found;
}

bool counts_connections(const NftSocket& socket) {
  // The rule that render() makes. Only a refusal of the very last step says that all before it
  // could be done.
  const std::string name = "vpnd_probe";
  NftBatch batch;
  batch.add_table(NFPROTO_INET, name, 0, "vpnd probe");
  batch.add_set(NFPROTO_INET, name, {"vpn_count4", Family::v4, 1});
  batch.add_chain(NFPROTO_INET, name, {"vpn_count", NftChain::Hook::prerouting, 0, {}, {}});
  batch.add_rule(
      NFPROTO_INET, name, "vpn_count",
      {{NftFirst{}, NftConnectionsOver{Family::v4, "vpn_count4", 1}}, true, NftDrop{}, ""});
  batch.delete_rule(NFPROTO_INET, name, "vpn_none", 1);
  const std::optional<NftRefusal> refusal = socket.send(batch);
  return refusal && refusal->doing.starts_with("delete rule");
}

}  // namespace vpnd::nl
