// SPDX-License-Identifier: ISC
#include "linux/nft_dump.h"

#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <netinet/in.h>
// After netinet/in.h, whose definitions it repeats otherwise.
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>

namespace vpnd::nl {
namespace {

constexpr std::string_view kTag = "vpnd tunnel ", kWallTag = "vpnd wall ";

std::string or_empty(const char* text) {
  return text == nullptr ? std::string() : text;
}

// The comment in user data of any object: all kinds have it as type 0.
std::string comment_in(const void* data, std::uint32_t size) {
  const auto* at = static_cast<const std::uint8_t*>(data);
  while (at != nullptr && size >= 2 && size - 2 >= at[1]) {
    const std::uint8_t length = at[1];
    if (at[0] == NFTNL_UDATA_RULE_COMMENT && length > 0 && at[1 + length] == 0)
      return reinterpret_cast<const char*>(at + 2);
    at += 2 + length;
    size -= 2u + length;
  }
  return {};
}

const nlmsghdr* header(const std::vector<std::uint8_t>& message) {
  return reinterpret_cast<const nlmsghdr*>(message.data());
}

// Reads one rule's expressions in their order.
struct RuleReader {
  SeenRule& rule;
  NftDevice device;
  bool loaded = false, named = false, accepted = false, other = false;

  void meta(const nftnl_expr* e) {
    const std::uint32_t key = nftnl_expr_get_u32(e, NFTNL_EXPR_META_KEY);
    if (loaded || (key != NFT_META_IIFNAME && key != NFT_META_OIFNAME)) other = true;
    device.side = key == NFT_META_IIFNAME ? NftDevice::Side::in : NftDevice::Side::out;
    loaded = true;
  }

  // iptables compares up to the terminating zero, nft all sixteen bytes; less is a wildcard.
  void compare(const nftnl_expr* e) {
    std::uint32_t size = 0;
    const auto* data = static_cast<const char*>(nftnl_expr_get(e, NFTNL_EXPR_CMP_DATA, &size));
    if (!loaded || named || nftnl_expr_get_u32(e, NFTNL_EXPR_CMP_OP) != NFT_CMP_EQ) other = true;
    const std::size_t length = data == nullptr ? 0 : strnlen(data, size);
    if (length == 0 || length == size) other = true;
    device.name.assign(data == nullptr ? "" : data, length);
    named = true;
  }

  void match(const nftnl_expr* e) {
    std::uint32_t size = 0;
    const auto* info = static_cast<const char*>(nftnl_expr_get(e, NFTNL_EXPR_MT_INFO, &size));
    if (or_empty(nftnl_expr_get_str(e, NFTNL_EXPR_MT_NAME)) != "comment" || info == nullptr)
      other = true;
    else
      rule.comment.assign(info, strnlen(info, size));
  }

  void immediate(const nftnl_expr* e) {
    if (!nftnl_expr_is_set(e, NFTNL_EXPR_IMM_VERDICT)) {
      other = true;
      return;
    }
    const auto verdict = static_cast<int>(nftnl_expr_get_u32(e, NFTNL_EXPR_IMM_VERDICT));
    if (verdict == NFT_JUMP || verdict == NFT_GOTO)
      rule.jump = or_empty(nftnl_expr_get_str(e, NFTNL_EXPR_IMM_CHAIN));
    if (verdict == NF_ACCEPT)
      accepted = true;
    else
      other = true;
  }

  void read(const nftnl_expr* e) {
    const std::string name = or_empty(nftnl_expr_get_str(e, NFTNL_EXPR_NAME));
    if (name == "meta")
      meta(e);
    else if (name == "cmp")
      compare(e);
    else if (name == "match")
      match(e);
    else if (name == "immediate")
      immediate(e);
    else if (name != "counter")
      other = true;
  }
};

SeenRule read_rule(nftnl_rule* r) {
  SeenRule rule;
  rule.family = static_cast<std::uint8_t>(nftnl_rule_get_u32(r, NFTNL_RULE_FAMILY));
  rule.table = or_empty(nftnl_rule_get_str(r, NFTNL_RULE_TABLE));
  rule.chain = or_empty(nftnl_rule_get_str(r, NFTNL_RULE_CHAIN));
  rule.handle = nftnl_rule_get_u64(r, NFTNL_RULE_HANDLE);
  std::uint32_t size = 0;
  if (nftnl_rule_is_set(r, NFTNL_RULE_USERDATA)) {
    const void* data = nftnl_rule_get_data(r, NFTNL_RULE_USERDATA, &size);
    rule.comment = comment_in(data, size);
  }
  RuleReader reader{rule, {}};
  nftnl_expr_foreach(
      r,
      [](nftnl_expr* e, void* to) {
        static_cast<RuleReader*>(to)->read(e);
        return 0;
      },
      &reader);
  if (reader.named && reader.accepted && !reader.other) rule.accepts = reader.device;
  return rule;
}

}  // namespace

std::vector<SeenTable> list_tables(const NftSocket& socket) {
  std::vector<SeenTable> tables;
  for (const auto& message : socket.dump(NFT_MSG_GETTABLE)) {
    const std::unique_ptr<nftnl_table, void (*)(const nftnl_table*)> t(nftnl_table_alloc(),
                                                                       nftnl_table_free);
    if (!t) throw std::bad_alloc();
    if (nftnl_table_nlmsg_parse(header(message), t.get()) < 0) continue;
    SeenTable table;
    table.family = static_cast<std::uint8_t>(nftnl_table_get_u32(t.get(), NFTNL_TABLE_FAMILY));
    table.name = or_empty(nftnl_table_get_str(t.get(), NFTNL_TABLE_NAME));
    table.flags = nftnl_table_get_u32(t.get(), NFTNL_TABLE_FLAGS);
    if (nftnl_table_is_set(t.get(), NFTNL_TABLE_OWNER))
      table.owner = nftnl_table_get_u32(t.get(), NFTNL_TABLE_OWNER);
    if (nftnl_table_is_set(t.get(), NFTNL_TABLE_USERDATA)) {
      std::uint32_t size = 0;
      const void* data = nftnl_table_get_data(t.get(), NFTNL_TABLE_USERDATA, &size);
      table.comment = comment_in(data, size);
    }
    tables.push_back(std::move(table));
  }
  return tables;
}

std::vector<SeenChain> list_chains(const NftSocket& socket) {
  std::vector<SeenChain> chains;
  for (const auto& message : socket.dump(NFT_MSG_GETCHAIN)) {
    const std::unique_ptr<nftnl_chain, void (*)(const nftnl_chain*)> c(nftnl_chain_alloc(),
                                                                       nftnl_chain_free);
    if (!c) throw std::bad_alloc();
    if (nftnl_chain_nlmsg_parse(header(message), c.get()) < 0) continue;
    SeenChain chain;
    chain.family = static_cast<std::uint8_t>(nftnl_chain_get_u32(c.get(), NFTNL_CHAIN_FAMILY));
    chain.table = or_empty(nftnl_chain_get_str(c.get(), NFTNL_CHAIN_TABLE));
    chain.name = or_empty(nftnl_chain_get_str(c.get(), NFTNL_CHAIN_NAME));
    chain.forward_drop = nftnl_chain_is_set(c.get(), NFTNL_CHAIN_HOOKNUM) &&
                         nftnl_chain_get_u32(c.get(), NFTNL_CHAIN_HOOKNUM) == NF_INET_FORWARD &&
                         nftnl_chain_is_set(c.get(), NFTNL_CHAIN_POLICY) &&
                         nftnl_chain_get_u32(c.get(), NFTNL_CHAIN_POLICY) == NF_DROP;
    chains.push_back(std::move(chain));
  }
  return chains;
}

std::vector<SeenRule> list_rules(const NftSocket& socket, std::uint8_t family) {
  std::vector<SeenRule> rules;
  for (const auto& message : socket.dump(NFT_MSG_GETRULE, family)) {
    const std::unique_ptr<nftnl_rule, void (*)(const nftnl_rule*)> r(nftnl_rule_alloc(),
                                                                     nftnl_rule_free);
    if (!r) throw std::bad_alloc();
    // A rule with an expression that this library does not know is none of ours.
    if (nftnl_rule_nlmsg_parse(header(message), r.get()) >= 0) rules.push_back(read_rule(r.get()));
  }
  return rules;
}

std::string tag(const std::string& interface, Part part) {
  return std::string(part == Part::wall ? kWallTag : kTag) + interface;
}

bool is_tag(const std::string& comment) {
  return comment.starts_with(kTag);
}

std::optional<Ours> ours(const SeenTable& table) {
  if (table.family != NFPROTO_INET && table.family != NFPROTO_ARP) return std::nullopt;
  const Part part = table.comment.starts_with(kWallTag) ? Part::wall : Part::tunnel;
  if (part == Part::tunnel && !is_tag(table.comment)) return std::nullopt;
  std::string interface = table.comment.substr(part == Part::wall ? kWallTag.size() : kTag.size());
  if (table.name != (part == Part::wall ? wall_name(interface) : table_name(interface))) {
    return std::nullopt;
  }
  return Ours{std::move(interface), part};
}

}  // namespace vpnd::nl
