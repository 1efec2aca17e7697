// SPDX-License-Identifier: ISC
#pragma once

// What a FilterTable means, as nftables tables in plain data. Pure: nothing here speaks to a
// kernel.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/base/addr.h"
#include "linux/objects.h"

namespace vpnd::nl {

// The device a packet came in by or leaves by. Names, not indices: a rule may be older than its
// device, and outlives it.
struct NftDevice {
  enum class Side : std::uint8_t { in, out } side = Side::in;
  bool not_equal = false;
  std::string name;
};

struct NftFamily {
  Family family = Family::v4;
};

// IP source or destination. In an arp table: the target's protocol address.
struct NftAddress {
  enum class Side : std::uint8_t { source, destination } side = Side::source;
  bool not_equal = false;
  Prefix prefix;
};

struct NftProtocol {
  std::uint8_t number = 0;  // IPPROTO_*
};

struct NftPort {  // destination; after a match of TCP or UDP
  std::uint16_t number = 0;
};
struct NftSourcePort {
  std::uint16_t number = 0;
};
struct NftMark {
  bool not_equal = false;
  std::uint32_t value = 0;
};
struct NftIcmp6 {
  std::uint8_t type = 0;
};
struct NftRedirected {};      // its destination was translated
struct NftSourceNotLocal {};  // the host itself does not have the source address
struct NftForThisHost {};     // the destination is an address of the host
struct NftDirection {         // of a packet within its connection
  bool reply = false;
};
struct NftConnectionMark {
  std::uint32_t value = 0;
};
struct NftEstablished {};  // connection state established or related
struct NftSyn {};          // TCP with SYN and without RST
struct NftEchoRequest {
  Family family = Family::v4;
};
// Of a packet that begins a connection: its source has more than so many of them, this one
// included. They are kept in a set of the table, which is named and of that family.
struct NftConnectionsOver {
  Family family = Family::v4;
  std::string set;
  std::uint32_t count = 0;
};
// The first packet of a connection, which is not in the table of connections before it has passed.
// (State "new" lasts until there is an answer.)
struct NftFirst {};

using NftMatch =
    std::variant<NftDevice, NftFamily, NftAddress, NftProtocol, NftSourceNotLocal, NftEstablished,
                 NftSyn, NftEchoRequest, NftPort, NftSourcePort, NftMark, NftIcmp6, NftRedirected,
                 NftForThisHost, NftDirection, NftConnectionMark, NftFirst, NftConnectionsOver>;

struct NftAccept {};
struct NftDrop {};
struct NftClampMss {};  // never above what the routes in both directions take
// Source translation, to the address of the outgoing device unless one is named. With ports: to a
// random one of them (host order, both included), which takes an earlier match of TCP or UDP.
struct NftTranslate {
  std::optional<Address> to;
  std::optional<std::pair<std::uint16_t, std::uint16_t>> ports;
};

// The sender learns of it at once. A reset takes an earlier match of TCP. Not in postrouting.
struct NftReject {
  bool reset = false;  // otherwise: administratively prohibited
};
struct NftRedirect {  // destination translation, to this port
  Address to;
  std::uint16_t port = 0;
};
struct NftSetMark {  // goes on; in a chain of type route the packet is routed anew
  std::uint32_t value = 0;
};
struct NftSetConnectionMark {  // goes on
  std::uint32_t value = 0;
};
struct NftLog {  // one line in the kernel's log, at most so many a minute; goes on
  std::string prefix;
  std::uint32_t per_minute = 0;
};

using NftAction = std::variant<NftAccept, NftDrop, NftClampMss, NftTranslate, NftReject,
                               NftRedirect, NftLog, NftSetMark, NftSetConnectionMark>;

struct NftRule {
  std::vector<NftMatch> matches;  // all of them must hold
  bool counted = true;
  NftAction action;
  std::string comment;  // at most 127 bytes
};

struct NftChain {
  enum class Hook : std::uint8_t { prerouting, input, forward, output, postrouting, arp_input };
  std::string name;  // not a word of the nft language, or a listing cannot be loaded again
  Hook hook = Hook::prerouting;
  std::int32_t priority = 0;
  enum class Type : std::uint8_t { filter, nat, route } type = Type::filter;  // policy: accept
  std::vector<NftRule> rules;
};

// Addresses that rules of the table put there, each with what is counted of it. An address goes
// when its last connection is gone.
struct NftSet {
  std::string name;
  Family family = Family::v4;
  std::uint32_t size = 0;  // what is beyond is not counted
};

struct NftTable {
  enum class Kind : std::uint8_t { inet, arp } kind = Kind::inet;
  std::string name;
  std::vector<NftChain> chains;
  std::vector<NftSet> sets = {};
};

// Inside the range no service of ours listens, so a client cannot shadow a port (CVE-2021-3773).
inline constexpr std::uint16_t kNatPortMin = 20000;
inline constexpr std::uint16_t kNatPortMax = 60999;

// The inet table, and an arp table of the same name when there is a v4 address to be silent about.
std::vector<NftTable> render(const FilterTable&);
std::string table_name(const std::string& interface);  // "vpnd_vpn0"
// The one table of the wall; wall.cpp.
NftTable render(const Wall&);
// Adds the chains that keep answers to who came in past the tunnel out of it; inbound.cpp.
void keep_inbound(NftTable&, const std::string& interface, Fwmark);

std::string wall_name(const std::string& interface);  // "vpnd_vpn0_wall"
// In the nft language: for messages, and for whoever makes the same with nft.
std::string text(const NftRule&);
std::string text(const NftTable&, const std::string& comment);

}  // namespace vpnd::nl
