// SPDX-License-Identifier: ISC
#pragma once

// One nftables transaction, built message by message. Only its last message asks for an
// acknowledgement: one each would overflow the socket after 256.

#include <cstdint>
#include <string>
#include <vector>

#include "linux/filter.h"

struct nlmsghdr;
struct nftnl_rule;

namespace vpnd::nl {

class NftSocket;

inline constexpr std::uint32_t kTableOwner = 0x2;    // NFT_TABLE_F_OWNER, Linux 5.12
inline constexpr std::uint32_t kTablePersist = 0x4;  // NFT_TABLE_F_PERSIST, Linux 6.9

// Families as nftables counts them, NFPROTO_*.
std::uint8_t nft_family(NftTable::Kind) noexcept;

class NftBatch {
 public:
  NftBatch();

  void add_table(std::uint8_t family, const std::string& name, std::uint32_t flags,
                 const std::string& comment);
  void delete_table(std::uint8_t family, const std::string& name);
  void add_set(std::uint8_t family, const std::string& table, const NftSet&);
  void add_chain(std::uint8_t family, const std::string& table, const NftChain&);
  // At the end of the chain, or before its first rule.
  void add_rule(std::uint8_t family, const std::string& table, const std::string& chain,
                const NftRule&, bool at_head = false);
  void delete_rule(std::uint8_t family, const std::string& table, const std::string& chain,
                   std::uint64_t handle);
  // The table with all that is in it.
  void add(const NftTable&, std::uint32_t flags, const std::string& comment);
  bool empty() const noexcept { return steps_.empty(); }

  struct Step {
    std::string doing;  // follows "cannot"
    bool table = false;
  };
  // Messages are numbered from `first`: the start, the steps, the end.
  std::vector<std::uint8_t> bytes(std::uint32_t first) const;
  const std::vector<Step>& steps() const noexcept { return steps_; }

 private:
  // Room for one message; what was put there counts once keep() is called.
  nlmsghdr* open(std::uint16_t type, std::uint8_t family, std::uint16_t flags);
  void keep(const nlmsghdr*, Step);

  std::vector<std::uint8_t> messages_;
  std::vector<std::size_t> offsets_;
  std::vector<Step> steps_;
};

// Fills the rule's expressions and comment; nft_rule.cpp.
void encode(const NftRule&, NftTable::Kind, nftnl_rule*);

}  // namespace vpnd::nl
