// SPDX-License-Identifier: ISC
#pragma once

// What is in nf_tables, reduced to what we ask about it.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "linux/filter.h"
#include "linux/nft.h"

namespace vpnd::nl {

struct SeenTable {
  std::uint8_t family = 0;  // NFPROTO_*
  std::string name;
  std::string comment;
  std::uint32_t flags = 0;
  std::uint32_t owner = 0;  // port id of the owning socket, 0 without one
};

struct SeenChain {
  std::uint8_t family = 0;
  std::string table, name;
  bool forward_drop = false;  // a base chain on the forward hook that drops by policy
};

struct SeenRule {
  std::uint8_t family = 0;
  std::string table, chain;
  std::uint64_t handle = 0;
  std::string comment;               // nft's own, or the one of an iptables match
  std::string jump;                  // to this chain
  std::optional<NftDevice> accepts;  // this device and nothing else is looked at
};

// All throw Error.
std::vector<SeenTable> list_tables(const NftSocket&);
std::vector<SeenChain> list_chains(const NftSocket&);
std::vector<SeenRule> list_rules(const NftSocket&, std::uint8_t family);

// Which of an interface's two sets of tables.
enum class Part : std::uint8_t { tunnel, wall };

// What we write on our tables and on our rules in chains of others.
std::string tag(const std::string& interface, Part = Part::tunnel);
bool is_tag(const std::string& comment);
// A table that we made: named vpnd_*, and tagged for that very interface.
struct Ours {
  std::string interface;
  Part part = Part::tunnel;
  friend bool operator==(const Ours&, const Ours&) = default;
};
std::optional<Ours> ours(const SeenTable&);

[[noreturn]] void fail(const NftRefusal&);

}  // namespace vpnd::nl
