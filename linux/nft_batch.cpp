// SPDX-License-Identifier: ISC
#include "linux/nft_batch.h"

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <netinet/in.h>
// After netinet/in.h, whose definitions it repeats otherwise.
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_arp.h>

#include <cstring>
#include <memory>
#include <new>

namespace vpnd::nl {
namespace {

// libmnl writes without looking for the end; our largest message is a rule of a dozen expressions
// and a comment.
constexpr std::size_t kLargestMessage = 8192;

// How nft calls what is in a set: its TYPE_IPADDR and TYPE_IP6ADDR.
constexpr std::uint32_t kTypeIpv4 = 7, kTypeIpv6 = 8;

template<auto Free>
struct Freed {
  template<typename T>
  void operator()(T* p) const noexcept {
    Free(p);
  }
};
using TablePtr = std::unique_ptr<nftnl_table, Freed<nftnl_table_free>>;
using ChainPtr = std::unique_ptr<nftnl_chain, Freed<nftnl_chain_free>>;
using SetPtr = std::unique_ptr<nftnl_set, Freed<nftnl_set_free>>;
using RulePtr = std::unique_ptr<nftnl_rule, Freed<nftnl_rule_free>>;
using UdataPtr = std::unique_ptr<nftnl_udata_buf, Freed<nftnl_udata_buf_free>>;

template<typename T>
T* allocated(T* p) {
  if (p == nullptr) throw std::bad_alloc();
  return p;
}

std::uint32_t hook_number(NftChain::Hook hook) {
  switch (hook) {
    case NftChain::Hook::prerouting:
      return NF_INET_PRE_ROUTING;
    case NftChain::Hook::input:
      return NF_INET_LOCAL_IN;
    case NftChain::Hook::forward:
      return NF_INET_FORWARD;
    case NftChain::Hook::output:
      return NF_INET_LOCAL_OUT;
    case NftChain::Hook::postrouting:
      return NF_INET_POST_ROUTING;
    case NftChain::Hook::arp_input:
      return NF_ARP_IN;
  }
  return NF_INET_NUMHOOKS;
}

const char* family_word(std::uint8_t family) {
  switch (family) {
    case NFPROTO_INET:
      return "inet";
    case NFPROTO_ARP:
      return "arp";
    case NFPROTO_IPV4:
      return "ip";
    default:
      return "ip6";
  }
}

TablePtr named_table(std::uint8_t family, const std::string& name) {
  TablePtr table(allocated(nftnl_table_alloc()));
  nftnl_table_set_u32(table.get(), NFTNL_TABLE_FAMILY, family);
  nftnl_table_set_str(table.get(), NFTNL_TABLE_NAME, name.c_str());
  return table;
}

RulePtr placed_rule(std::uint8_t family, const std::string& table, const std::string& chain) {
  RulePtr rule(allocated(nftnl_rule_alloc()));
  nftnl_rule_set_u32(rule.get(), NFTNL_RULE_FAMILY, family);
  nftnl_rule_set_str(rule.get(), NFTNL_RULE_TABLE, table.c_str());
  nftnl_rule_set_str(rule.get(), NFTNL_RULE_CHAIN, chain.c_str());
  return rule;
}

}  // namespace

std::uint8_t nft_family(NftTable::Kind kind) noexcept {
  return kind == NftTable::Kind::arp ? NFPROTO_ARP : NFPROTO_INET;
}

NftBatch::NftBatch() = default;

nlmsghdr* NftBatch::open(std::uint16_t type, std::uint8_t family, std::uint16_t flags) {
  offsets_.push_back(messages_.size());
  messages_.resize(messages_.size() + kLargestMessage);
  char* at = reinterpret_cast<char*>(messages_.data() + offsets_.back());
  return nftnl_nlmsg_build_hdr(at, type, family, flags, 0);
}

void NftBatch::keep(const nlmsghdr* message, Step step) {
  messages_.resize(offsets_.back() + NLMSG_ALIGN(message->nlmsg_len));
  steps_.push_back(std::move(step));
}

void NftBatch::add_table(std::uint8_t family, const std::string& name, std::uint32_t flags,
                         const std::string& comment) {
  const TablePtr table = named_table(family, name);
  nftnl_table_set_u32(table.get(), NFTNL_TABLE_FLAGS, flags);
  const UdataPtr udata(allocated(nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN)));
  nftnl_udata_put_strz(udata.get(), NFTNL_UDATA_TABLE_COMMENT, comment.c_str());
  nftnl_table_set_data(table.get(), NFTNL_TABLE_USERDATA, nftnl_udata_buf_data(udata.get()),
                       nftnl_udata_buf_len(udata.get()));
  nlmsghdr* message = open(NFT_MSG_NEWTABLE, family, NLM_F_CREATE);
  nftnl_table_nlmsg_build_payload(message, table.get());
  keep(message, {fmt::format("add table {} {}", family_word(family), name), true});
}

void NftBatch::delete_table(std::uint8_t family, const std::string& name) {
  const TablePtr table = named_table(family, name);
  nlmsghdr* message = open(NFT_MSG_DELTABLE, family, 0);
  nftnl_table_nlmsg_build_payload(message, table.get());
  keep(message, {fmt::format("delete table {} {}", family_word(family), name), true});
}

void NftBatch::add_set(std::uint8_t family, const std::string& table, const NftSet& set) {
  const SetPtr s(allocated(nftnl_set_alloc()));
  const bool v4 = set.family == Family::v4;
  nftnl_set_set_u32(s.get(), NFTNL_SET_FAMILY, family);
  nftnl_set_set_str(s.get(), NFTNL_SET_TABLE, table.c_str());
  nftnl_set_set_str(s.get(), NFTNL_SET_NAME, set.name.c_str());
  nftnl_set_set_u32(s.get(), NFTNL_SET_FLAGS, NFT_SET_EVAL);
  nftnl_set_set_u32(s.get(), NFTNL_SET_KEY_TYPE, v4 ? kTypeIpv4 : kTypeIpv6);
  nftnl_set_set_u32(s.get(), NFTNL_SET_KEY_LEN, v4 ? 4 : 16);
  nftnl_set_set_u32(s.get(), NFTNL_SET_DESC_SIZE, set.size);
  // Unique within the batch, where the kernel wants one; rules refer to the name.
  nftnl_set_set_u32(s.get(), NFTNL_SET_ID, static_cast<std::uint32_t>(steps_.size() + 1));
  nlmsghdr* message = open(NFT_MSG_NEWSET, family, NLM_F_CREATE);
  nftnl_set_nlmsg_build_payload(message, s.get());
  keep(message, {fmt::format("add set {} {} {}", family_word(family), table, set.name)});
}

void NftBatch::add_chain(std::uint8_t family, const std::string& table, const NftChain& chain) {
  const ChainPtr c(allocated(nftnl_chain_alloc()));
  nftnl_chain_set_u32(c.get(), NFTNL_CHAIN_FAMILY, family);
  nftnl_chain_set_str(c.get(), NFTNL_CHAIN_TABLE, table.c_str());
  nftnl_chain_set_str(c.get(), NFTNL_CHAIN_NAME, chain.name.c_str());
  constexpr std::array kTypes{"filter", "nat", "route"};
  nftnl_chain_set_str(c.get(), NFTNL_CHAIN_TYPE, kTypes[static_cast<std::size_t>(chain.type)]);
  nftnl_chain_set_u32(c.get(), NFTNL_CHAIN_HOOKNUM, hook_number(chain.hook));
  nftnl_chain_set_s32(c.get(), NFTNL_CHAIN_PRIO, chain.priority);
  nftnl_chain_set_u32(c.get(), NFTNL_CHAIN_POLICY, NF_ACCEPT);
  nlmsghdr* message = open(NFT_MSG_NEWCHAIN, family, NLM_F_CREATE);
  nftnl_chain_nlmsg_build_payload(message, c.get());
  keep(message, {fmt::format("add chain {} {} {}", family_word(family), table, chain.name)});
}

void NftBatch::add_rule(std::uint8_t family, const std::string& table, const std::string& chain,
                        const NftRule& rule, bool at_head) {
  const RulePtr r = placed_rule(family, table, chain);
  encode(rule, family == NFPROTO_ARP ? NftTable::Kind::arp : NftTable::Kind::inet, r.get());
  const auto place = static_cast<std::uint16_t>(at_head ? 0 : NLM_F_APPEND);
  nlmsghdr* message =
      open(NFT_MSG_NEWRULE, family, static_cast<std::uint16_t>(NLM_F_CREATE | place));
  nftnl_rule_nlmsg_build_payload(message, r.get());
  keep(message,
       {fmt::format("add rule {} {} {} {}", family_word(family), table, chain, text(rule))});
}

void NftBatch::delete_rule(std::uint8_t family, const std::string& table, const std::string& chain,
                           std::uint64_t handle) {
  const RulePtr r = placed_rule(family, table, chain);
  nftnl_rule_set_u64(r.get(), NFTNL_RULE_HANDLE, handle);
  nlmsghdr* message = open(NFT_MSG_DELRULE, family, 0);
  nftnl_rule_nlmsg_build_payload(message, r.get());
  keep(message,
       {fmt::format("delete rule {} {} {} handle {}", family_word(family), table, chain, handle)});
}

void NftBatch::add(const NftTable& table, std::uint32_t flags, const std::string& comment) {
  const std::uint8_t family = nft_family(table.kind);
  add_table(family, table.name, flags, comment);
  for (const NftSet& set : table.sets) add_set(family, table.name, set);
  for (const NftChain& chain : table.chains) {
    add_chain(family, table.name, chain);
    for (const NftRule& rule : chain.rules) add_rule(family, table.name, chain.name, rule);
  }
}

std::vector<std::uint8_t> NftBatch::bytes(std::uint32_t first) const {
  const auto marker = [](std::uint16_t type, std::uint32_t sequence) {
    std::vector<std::uint8_t> out(MNL_NLMSG_HDRLEN + MNL_ALIGN(sizeof(nfgenmsg)));
    nlmsghdr* header = mnl_nlmsg_put_header(out.data());
    header->nlmsg_type = type;
    header->nlmsg_flags = NLM_F_REQUEST;
    header->nlmsg_seq = sequence;
    auto* body = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(nfgenmsg)));
    body->res_id = htons(NFNL_SUBSYS_NFTABLES);
    return out;
  };
  std::vector<std::uint8_t> out = marker(NFNL_MSG_BATCH_BEGIN, first);
  const std::size_t base = out.size();
  out.insert(out.end(), messages_.begin(), messages_.end());
  for (std::size_t i = 0; i < offsets_.size(); ++i) {
    auto* header = reinterpret_cast<nlmsghdr*>(out.data() + base + offsets_[i]);
    header->nlmsg_seq = first + 1 + static_cast<std::uint32_t>(i);
    if (i + 1 == offsets_.size()) header->nlmsg_flags |= NLM_F_ACK;
  }
  const auto last = first + 1 + static_cast<std::uint32_t>(offsets_.size());
  const std::vector<std::uint8_t> end = marker(NFNL_MSG_BATCH_END, last);
  out.insert(out.end(), end.begin(), end.end());
  return out;
}

}  // namespace vpnd::nl
