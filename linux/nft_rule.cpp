// SPDX-License-Identifier: ISC
// Rules as libnftnl expressions, in the shapes in which nft writes them, so that it can read them.

#include <libnftnl/rule.h>  // before expr.h, which takes FILE for granted
// clang-format off
#include <libnftnl/expr.h>
// clang-format on
#include <libnftnl/udata.h>
#include <netinet/in.h>
// After netinet/in.h, whose definitions it repeats otherwise.
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <new>

#include "linux/nft_batch.h"

namespace vpnd::nl {
namespace {

constexpr std::uint32_t kStateEstablished = 1u << 1;  // 1 << (IP_CT_ESTABLISHED + 1)
constexpr std::uint32_t kStateRelated = 1u << 2;
constexpr std::uint32_t kStatusDnat = 1u << 5;       // IPS_DST_NAT
constexpr std::uint32_t kStatusConfirmed = 1u << 3;  // IPS_CONFIRMED
constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kSynRst = 0x06;
constexpr std::uint8_t kIcmp4 = IPPROTO_ICMP;
constexpr std::uint8_t kIcmp6 = IPPROTO_ICMPV6;
constexpr std::uint8_t kEcho4 = 8;
constexpr std::uint8_t kEcho6 = 128;
constexpr std::uint8_t kOptionMss = 2;  // TCP option kind, its value after two bytes

// Appends expressions to one rule. The rule owns them.
class Encoder {
 public:
  Encoder(nftnl_rule* rule, NftTable::Kind kind) noexcept : rule_(rule), kind_(kind) {}

  nftnl_expr* add(const char* name) {
    nftnl_expr* e = nftnl_expr_alloc(name);
    if (e == nullptr) throw std::bad_alloc();
    nftnl_rule_add_expr(rule_, e);
    return e;
  }

  void load_meta(std::uint32_t key) {
    nftnl_expr* e = add("meta");
    nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
    nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, NFT_REG_1);
  }

  void load_payload(std::uint32_t base, std::uint32_t offset, std::uint32_t size) {
    nftnl_expr* e = add("payload");
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, size);
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
  }

  void mask(const void* bits, std::uint32_t size) {
    const std::array<std::uint8_t, 16> zero{};
    nftnl_expr* e = add("bitwise");
    nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
    nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
    nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, size);
    nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, bits, size);
    nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, zero.data(), size);
  }

  void compare(bool not_equal, const void* value, std::uint32_t size) {
    nftnl_expr* e = add("cmp");
    nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
    nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, not_equal ? NFT_CMP_NEQ : NFT_CMP_EQ);
    nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, value, size);
  }

  template<typename T>
  void compare(bool not_equal, T value) {
    compare(not_equal, &value, sizeof value);
  }

  void immediate(std::uint32_t reg, const void* value, std::uint32_t size) {
    nftnl_expr* e = add("immediate");
    nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, reg);
    nftnl_expr_set(e, NFTNL_EXPR_IMM_DATA, value, size);
  }

  void verdict(std::uint32_t value) {
    nftnl_expr* e = add("immediate");
    nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
    nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, value);
  }

  void family(Family f) {
    load_meta(NFT_META_NFPROTO);
    compare<std::uint8_t>(false, f == Family::v4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
  }

  void protocol(std::uint8_t number) {
    load_meta(NFT_META_L4PROTO);
    compare(false, number);
  }

  void match(const NftDevice& m) {
    std::array<char, IFNAMSIZ> name{};  // all sixteen bytes: no prefix match
    std::memcpy(name.data(), m.name.data(), std::min(m.name.size(), name.size() - 1));
    load_meta(m.side == NftDevice::Side::in ? NFT_META_IIFNAME : NFT_META_OIFNAME);
    compare(m.not_equal, name.data(), IFNAMSIZ);
  }

  void match(const NftFamily& m) { family(m.family); }
  void match(const NftProtocol& m) { protocol(m.number); }

  void match(const NftAddress& m) {
    const Address address = m.prefix.masked().address;
    const std::uint32_t size = address.is_v4() ? 4 : 16;
    const bool source = m.side == NftAddress::Side::source;
    std::uint32_t offset = source ? 12 : 16;  // RFC 791, and RFC 826 below
    if (kind_ == NftTable::Kind::arp)
      offset = source ? 14 : 24;
    else
      family(address.family());
    if (!address.is_v4()) offset = source ? 8 : 24;  // RFC 8200
    load_payload(NFT_PAYLOAD_NETWORK_HEADER, offset, size);
    if (m.prefix.length < address.bits()) {
      std::array<std::uint8_t, 16> bits{};
      for (std::size_t i = 0; i < m.prefix.length; ++i)
        bits[i / 8] = static_cast<std::uint8_t>(bits[i / 8] | (0x80u >> (i % 8)));
      mask(bits.data(), size);
    }
    compare(m.not_equal, address.bytes().data(), size);
  }

  void is_local(std::uint32_t which, bool not_equal) {
    nftnl_expr* e = add("fib");
    nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_DREG, NFT_REG_1);
    nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
    nftnl_expr_set_u32(e, NFTNL_EXPR_FIB_FLAGS, which);
    compare<std::uint32_t>(not_equal, RTN_LOCAL);
  }
  void match(const NftSourceNotLocal&) { is_local(NFTA_FIB_F_SADDR, true); }
  void match(const NftForThisHost&) { is_local(NFTA_FIB_F_DADDR, false); }

  void port(std::uint32_t offset, std::uint16_t number) {
    load_payload(NFT_PAYLOAD_TRANSPORT_HEADER, offset, 2);
    compare<std::uint16_t>(false, htons(number));
  }
  void match(const NftPort& m) { port(2, m.number); }
  void match(const NftSourcePort& m) { port(0, m.number); }

  void match(const NftMark& m) {
    load_meta(NFT_META_MARK);
    compare(m.not_equal, m.value);
  }

  void icmp(std::uint8_t number, std::uint8_t type) {
    protocol(number);
    load_payload(NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1);
    compare(false, type);
  }
  void match(const NftIcmp6& m) { icmp(kIcmp6, m.type); }

  void load_ct(std::uint32_t key) {
    nftnl_expr* e = add("ct");
    nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, key);
    nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, NFT_REG_1);
  }
  void match(const NftDirection& m) {
    load_ct(NFT_CT_DIRECTION);
    compare<std::uint8_t>(false, m.reply ? 1 : 0);  // IP_CT_DIR_REPLY
  }
  void match(const NftConnectionMark& m) {
    load_ct(NFT_CT_MARK);
    compare(false, m.value);
  }

  void any_of_ct(std::uint32_t key, std::uint32_t bits, bool none = false) {
    load_ct(key);
    mask(&bits, sizeof bits);
    compare<std::uint32_t>(!none, 0);
  }
  void match(const NftRedirected&) { any_of_ct(NFT_CT_STATUS, kStatusDnat); }
  void match(const NftEstablished&) { any_of_ct(NFT_CT_STATE, kStateEstablished | kStateRelated); }

  void match(const NftFirst&) { any_of_ct(NFT_CT_STATUS, kStatusConfirmed, true); }
  void match(const NftConnectionsOver& m) {
    const bool v4 = m.family == Family::v4;
    family(m.family);
    load_payload(NFT_PAYLOAD_NETWORK_HEADER, v4 ? 12 : 8, v4 ? 4 : 16);
    nftnl_expr* count = nftnl_expr_alloc("connlimit");
    if (count == nullptr) throw std::bad_alloc();
    nftnl_expr_set_u32(count, NFTNL_EXPR_CONNLIMIT_COUNT, m.count);
    nftnl_expr_set_u32(count, NFTNL_EXPR_CONNLIMIT_FLAGS, NFT_CONNLIMIT_F_INV);
    nftnl_expr* e = add("dynset");
    nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_SREG_KEY, NFT_REG_1);
    nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_ADD);
    nftnl_expr_set_str(e, NFTNL_EXPR_DYNSET_SET_NAME, m.set.c_str());
    nftnl_expr_set(e, NFTNL_EXPR_DYNSET_EXPR, count, 0);  // which owns it from here on
  }

  void match(const NftSyn&) {
    protocol(IPPROTO_TCP);
    load_payload(NFT_PAYLOAD_TRANSPORT_HEADER, 13, 1);
    mask(&kSynRst, 1);
    compare(false, kSyn);
  }

  void match(const NftEchoRequest& m) {
    const bool v4 = m.family == Family::v4;
    family(m.family);
    icmp(v4 ? kIcmp4 : kIcmp6, v4 ? kEcho4 : kEcho6);
  }

  void act(const NftAccept&) { verdict(NF_ACCEPT); }
  void act(const NftDrop&) { verdict(NF_DROP); }

  void act(const NftClampMss&) {
    nftnl_expr* rt = add("rt");
    nftnl_expr_set_u32(rt, NFTNL_EXPR_RT_KEY, NFT_RT_TCPMSS);
    nftnl_expr_set_u32(rt, NFTNL_EXPR_RT_DREG, NFT_REG_1);
    nftnl_expr* order = add("byteorder");
    nftnl_expr_set_u32(order, NFTNL_EXPR_BYTEORDER_SREG, NFT_REG_1);
    nftnl_expr_set_u32(order, NFTNL_EXPR_BYTEORDER_DREG, NFT_REG_1);
    nftnl_expr_set_u32(order, NFTNL_EXPR_BYTEORDER_OP, NFT_BYTEORDER_HTON);
    nftnl_expr_set_u32(order, NFTNL_EXPR_BYTEORDER_LEN, 2);
    nftnl_expr_set_u32(order, NFTNL_EXPR_BYTEORDER_SIZE, 2);
    nftnl_expr* write = add("exthdr");
    nftnl_expr_set_u32(write, NFTNL_EXPR_EXTHDR_OP, NFT_EXTHDR_OP_TCPOPT);
    nftnl_expr_set_u8(write, NFTNL_EXPR_EXTHDR_TYPE, kOptionMss);
    nftnl_expr_set_u32(write, NFTNL_EXPR_EXTHDR_OFFSET, 2);
    nftnl_expr_set_u32(write, NFTNL_EXPR_EXTHDR_LEN, 2);
    nftnl_expr_set_u32(write, NFTNL_EXPR_EXTHDR_SREG, NFT_REG_1);
  }

  void act(const NftTranslate& a) {
    if (a.to) immediate(NFT_REG_1, a.to->bytes().data(), a.to->is_v4() ? 4 : 16);
    if (a.ports) {
      const std::uint16_t low = htons(a.ports->first);
      const std::uint16_t high = htons(a.ports->second);
      immediate(NFT_REG_2, &low, sizeof low);
      immediate(NFT_REG_3, &high, sizeof high);
    }
    const auto ports = [&](nftnl_expr* e, std::uint16_t min, std::uint16_t max,
                           std::uint16_t flags) {
      if (!a.ports) return;
      nftnl_expr_set_u32(e, min, NFT_REG_2);
      nftnl_expr_set_u32(e, max, NFT_REG_3);
      nftnl_expr_set_u32(e, flags, NF_NAT_RANGE_PROTO_SPECIFIED | NF_NAT_RANGE_PROTO_RANDOM_FULLY);
    };
    if (!a.to)
      return ports(add("masq"), NFTNL_EXPR_MASQ_REG_PROTO_MIN, NFTNL_EXPR_MASQ_REG_PROTO_MAX,
                   NFTNL_EXPR_MASQ_FLAGS);
    nftnl_expr* nat = add("nat");
    nftnl_expr_set_u32(nat, NFTNL_EXPR_NAT_TYPE, NFT_NAT_SNAT);
    nftnl_expr_set_u32(nat, NFTNL_EXPR_NAT_FAMILY, a.to->is_v4() ? NFPROTO_IPV4 : NFPROTO_IPV6);
    nftnl_expr_set_u32(nat, NFTNL_EXPR_NAT_REG_ADDR_MIN, NFT_REG_1);
    ports(nat, NFTNL_EXPR_NAT_REG_PROTO_MIN, NFTNL_EXPR_NAT_REG_PROTO_MAX, NFTNL_EXPR_NAT_FLAGS);
  }

  void act(const NftReject& a) {
    nftnl_expr* e = add("reject");
    nftnl_expr_set_u32(e, NFTNL_EXPR_REJECT_TYPE,
                       a.reset ? NFT_REJECT_TCP_RST : NFT_REJECT_ICMPX_UNREACH);
    nftnl_expr_set_u8(e, NFTNL_EXPR_REJECT_CODE, a.reset ? 0 : NFT_REJECT_ICMPX_ADMIN_PROHIBITED);
  }

  void act(const NftRedirect& a) {
    immediate(NFT_REG_1, a.to.bytes().data(), a.to.is_v4() ? 4 : 16);
    const std::uint16_t port = htons(a.port);
    immediate(NFT_REG_2, &port, sizeof port);
    nftnl_expr* nat = add("nat");
    nftnl_expr_set_u32(nat, NFTNL_EXPR_NAT_TYPE, NFT_NAT_DNAT);
    nftnl_expr_set_u32(nat, NFTNL_EXPR_NAT_FAMILY, a.to.is_v4() ? NFPROTO_IPV4 : NFPROTO_IPV6);
    nftnl_expr_set_u32(nat, NFTNL_EXPR_NAT_REG_ADDR_MIN, NFT_REG_1);
    nftnl_expr_set_u32(nat, NFTNL_EXPR_NAT_REG_PROTO_MIN, NFT_REG_2);
    nftnl_expr_set_u32(nat, NFTNL_EXPR_NAT_FLAGS, NF_NAT_RANGE_PROTO_SPECIFIED);
  }

  void act(const NftSetMark& a) {
    immediate(NFT_REG_1, &a.value, sizeof a.value);
    nftnl_expr* e = add("meta");
    nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, NFT_META_MARK);
    nftnl_expr_set_u32(e, NFTNL_EXPR_META_SREG, NFT_REG_1);
  }
  void act(const NftSetConnectionMark& a) {
    immediate(NFT_REG_1, &a.value, sizeof a.value);
    nftnl_expr* e = add("ct");
    nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, NFT_CT_MARK);
    nftnl_expr_set_u32(e, NFTNL_EXPR_CT_SREG, NFT_REG_1);
  }

  void act(const NftLog& a) {
    nftnl_expr* limit = add("limit");
    nftnl_expr_set_u64(limit, NFTNL_EXPR_LIMIT_RATE, a.per_minute);
    nftnl_expr_set_u64(limit, NFTNL_EXPR_LIMIT_UNIT, 60);
    nftnl_expr_set_u32(limit, NFTNL_EXPR_LIMIT_BURST, a.per_minute);
    nftnl_expr_set_u32(limit, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS);
    nftnl_expr_set_u32(limit, NFTNL_EXPR_LIMIT_FLAGS, 0);
    nftnl_expr_set_str(add("log"), NFTNL_EXPR_LOG_PREFIX, a.prefix.c_str());
  }

 private:
  nftnl_rule* rule_;
  NftTable::Kind kind_;
};

struct FreeUdata {
  void operator()(nftnl_udata_buf* p) const noexcept { nftnl_udata_buf_free(p); }
};

}  // namespace

void encode(const NftRule& rule, NftTable::Kind kind, nftnl_rule* out) {
  Encoder encoder(out, kind);
  for (const NftMatch& match : rule.matches)
    std::visit([&](const auto& m) { encoder.match(m); }, match);
  if (rule.counted) encoder.add("counter");
  std::visit([&](const auto& a) { encoder.act(a); }, rule.action);
  if (rule.comment.empty()) return;
  const std::unique_ptr<nftnl_udata_buf, FreeUdata> udata(
      nftnl_udata_buf_alloc(NFT_USERDATA_MAXLEN));
  if (!udata) throw std::bad_alloc();
  const std::string comment = rule.comment.substr(0, NFTNL_UDATA_COMMENT_MAXLEN - 1);
  nftnl_udata_put_strz(udata.get(), NFTNL_UDATA_RULE_COMMENT, comment.c_str());
  nftnl_rule_set_data(out, NFTNL_RULE_USERDATA, nftnl_udata_buf_data(udata.get()),
                      nftnl_udata_buf_len(udata.get()));
}

}  // namespace vpnd::nl
