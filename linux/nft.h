// SPDX-License-Identifier: ISC
#pragma once

// nftables by libnftnl: our own tables, which a socket owns where the kernel can do that, and
// single accepts in tables of others. Every change is one atomic batch. Errors name the rule and
// carry the kernel's extended acknowledgement. Sources: linux/netfilter/nf_tables.h,
// net/netfilter/nfnetlink.c.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "linux/fd.h"
#include "linux/objects.h"

struct mnl_socket;

namespace vpnd::nl {

class NftBatch;
struct NftTable;

// What the kernel would not do, and at which message of a batch.
struct NftRefusal {
  int errnum = 0;
  std::string doing;      // follows "cannot"
  std::string detail;     // the kernel's own words, may be empty
  bool at_start = false;  // refused as a whole: no privilege, no nf_tables, or the commit failed
  bool at_table = false;  // an "add table" or "delete table" was refused
};

// A NETLINK_NETFILTER socket. Tables are owned by its port id: who has the descriptor may change
// them, and when the last copy is closed they are left behind (with the persist flag).
class NftSocket {
 public:
  NftSocket();                     // throws Error
  explicit NftSocket(Fd earlier);  // goes on with a bound socket kept by somebody; throws Error
  NftSocket(NftSocket&&) noexcept = default;
  NftSocket& operator=(NftSocket&&) noexcept = default;

  int fd() const noexcept;
  std::uint32_t port_id() const noexcept;

  // nullopt: all of the batch is in force. Otherwise nothing of it is.
  std::optional<NftRefusal> send(const NftBatch&) const;
  // All objects of a kind (NFT_MSG_GET*) and family (0: all), a netlink message each. Throws Error.
  std::vector<std::vector<std::uint8_t>> dump(std::uint16_t kind, std::uint8_t family = 0) const;

 private:
  struct Close {
    void operator()(mnl_socket*) const noexcept;
  };
  void set_options() const noexcept;
  std::uint32_t take_sequences(std::size_t count) const noexcept;  // the first of them
  std::unique_ptr<mnl_socket, Close> socket_;
  mutable std::uint32_t sequence_ = 0;
};

// Puts the tables for one interface in place of what was there, in one batch. Mappings of running
// connections live in conntrack and outlast the swap. A table of that name without our tag is
// somebody else's, and is an Error; one owned by a living process is Error Exit::temporary.
void install(NftSocket&, const FilterTable&);
void install(NftSocket&, const Wall&);
void install_tables(NftSocket&, const std::string& interface, const std::vector<NftTable>&);
// True when nothing of ours is left for that interface, the wall apart. Tables without our tag
// stay.
bool remove_table(NftSocket&, const std::string& interface) noexcept;
bool remove_wall(NftSocket&, const std::string& interface) noexcept;
bool table_present(NftSocket&, const std::string& interface);  // throws Error
bool wall_present(NftSocket&, const std::string& interface);   // throws Error
// Are all of its rules there, in their order? Throws Error.
bool present(NftSocket&, const FilterTable&);
bool present(NftSocket&, const Wall&);
bool table_owned(NftSocket&, const std::string& interface);  // by this very socket; throws Error
// Interfaces for which there are tagged tables or walls, owned by a living process or not, sorted.
std::vector<std::string> our_tables(NftSocket&);  // throws Error
// The same, but only those that no living process owns, or that this socket owns. Where tables have
// no owners, all of them.
std::vector<std::string> our_abandoned_tables(NftSocket&);  // throws Error

// Two rules, in and out, before all others of that chain, or of DOCKER-USER when the chain jumps
// there. Throws Error; Exit::permission when the table has an owner.
void insert(NftSocket&, const ForeignAccept&);
// Which of the two it would be.
std::string chain_for(NftSocket&, const ForeignAccept&);
// True when none is left. Found by our comment; when there is none with it, by content, since a
// reload may lose the comment.
bool remove(NftSocket&, const ForeignAccept&) noexcept;
bool present(NftSocket&, const ForeignAccept&);  // both rules; throws Error
// Those with our comment (an administrator may have the same rule without it), of one interface or,
// when that is empty, of all. Each is listed once, with the chain that it is really in.
std::vector<ForeignAccept> our_foreign_accepts(NftSocket&, const std::string& interface);

// Base chains on the forward hook that drop by policy, not counting ours. Throws Error.
std::vector<HostFacts::DropChain> forward_drop_chains(NftSocket&);

struct NftSupport {
  bool owner = false;    // since Linux 5.12
  bool persist = false;  // since Linux 6.9
};
// Asks by batches that are bound to be aborted, so nothing changes. All false without privilege.
NftSupport support(const NftSocket&);
// Whether the connections of each source can be counted (nft_connlimit); asked likewise.
bool counts_connections(const NftSocket&);

}  // namespace vpnd::nl
