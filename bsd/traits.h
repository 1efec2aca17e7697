// SPDX-License-Identifier: ISC
#pragma once

// What differs between the kernels that descend from 4.4BSD: one value for each of them, so that
// messages for all five can be built and read on any machine. native.cpp holds each to the headers
// of the system it describes. Numbers are as those headers have them on 64-bit little-endian
// machines; offsets and sizes are bytes.

#include <cstdint>
#include <string_view>

namespace vpnd::bsd {

struct Traits {
  std::string_view name;  // as uname(1) tells it

  // Address families, the multiple of bytes that an address takes in a routing message, and the
  // size of struct sockaddr_dl.
  std::uint8_t inet6, route, padding, link_address;

  // struct rt_msghdr; the length is at 0 (two bytes), the version at 2 and the type at 3 of all.
  std::uint8_t version, header;
  std::uint8_t index, flags, addrs, pid, seq, errnum;  // two bytes; four each
  std::uint8_t header_length, table;                   // two bytes each; 0: there is none

  // Types of messages about what changes by itself; 0: there is none.
  std::uint8_t new_address, delete_address, link_info, link_announce, desync;

  // struct ifreq and the requests that carry one.
  std::uint8_t ifreq;
  std::uint32_t get_flags, set_flags, set_mtu, destroy, delete_v4;
  // struct ifaliasreq, in6_aliasreq and in6_ifreq with theirs.
  std::uint8_t alias_v4, alias_v6;
  std::uint16_t ifreq_v6;
  std::uint32_t add_v4, add_v6, delete_v6;
  std::uint8_t no_dad;  // flag of an address: nobody is asked whether he has it; 0: there is none
  // Asks a tun device for the four bytes of family before each packet; 0: they are always there.
  std::uint32_t tun_header;

  // ---- what they do
  std::string_view device;  // what its tunnels are called before the number
  bool tells_interface;     // RTM_GET may ask by which interface
  bool embeds_scope;        // a link-local address in a message carries its interface in bytes 2, 3
  bool checks_gateway;      // adding a route over one that nobody reaches fails
  bool destroys;            // an interface outlives its descriptor
  std::uint16_t most_mtu;
};

// The same everywhere.
inline constexpr std::uint8_t kInet = 2, kLink = 18;                         // AF_*
inline constexpr std::uint8_t kAdd = 1, kDelete = 2, kChange = 3, kGet = 4;  // RTM_*
inline constexpr std::uint32_t kRtfUp = 0x1, kRtfGateway = 0x2, kRtfHost = 0x4, kRtfReject = 0x8,
                               kRtfStatic = 0x800, kRtfBlackhole = 0x1000, kRtfOurs = 0x8000;
inline constexpr std::uint32_t kRtaDst = 0x1, kRtaGateway = 0x2, kRtaNetmask = 0x4, kRtaIfp = 0x10,
                               kRtaIfa = 0x20;

inline constexpr Traits kFreeBsd{
    .name = "FreeBSD",
    .inet6 = 28,
    .route = 17,
    .padding = 8,
    .link_address = 54,
    .version = 5,
    .header = 152,
    .index = 4,
    .flags = 8,
    .addrs = 12,
    .pid = 16,
    .seq = 20,
    .errnum = 24,
    .header_length = 0,
    .table = 0,
    .new_address = 12,
    .delete_address = 13,
    .link_info = 14,
    .link_announce = 17,
    .desync = 0,
    .ifreq = 32,
    .get_flags = 0xc0206911,
    .set_flags = 0x80206910,
    .set_mtu = 0x80206934,
    .destroy = 0x80206979,
    .delete_v4 = 0x80206919,
    .alias_v4 = 68,
    .alias_v6 = 136,
    .ifreq_v6 = 288,
    .add_v4 = 0x8044692b,
    .add_v6 = 0x8088691b,
    .delete_v6 = 0x81206919,
    .no_dad = 0x20,
    .tun_header = 0x80047460,
    .device = "tun",
    .tells_interface = true,
    .embeds_scope = false,
    .checks_gateway = true,
    .destroys = true,
    .most_mtu = 65535,
};

inline constexpr Traits kNetBsd{
    .name = "NetBSD",
    .inet6 = 24,
    .route = 34,
    .padding = 8,
    .link_address = 32,
    .version = 4,
    .header = 120,
    .index = 4,
    .flags = 8,
    .addrs = 12,
    .pid = 16,
    .seq = 20,
    .errnum = 24,
    .header_length = 0,
    .table = 0,
    .new_address = 22,
    .delete_address = 23,
    .link_info = 20,
    .link_announce = 16,
    .desync = 0,
    .ifreq = 144,
    .get_flags = 0xc0906911,
    .set_flags = 0x80906910,
    .set_mtu = 0x8090697f,
    .destroy = 0x80906979,
    .delete_v4 = 0x80906919,
    .alias_v4 = 64,
    .alias_v6 = 128,
    .ifreq_v6 = 288,
    .add_v4 = 0x8040691a,
    .add_v6 = 0x8080696b,
    .delete_v6 = 0x81206919,
    .no_dad = 0x20,
    .tun_header = 0x80047442,
    .device = "tun",
    .tells_interface = true,
    .embeds_scope = true,
    .checks_gateway = false,
    .destroys = true,
    .most_mtu = 65535,
};

inline constexpr Traits kOpenBsd{
    .name = "OpenBSD",
    .inet6 = 24,
    .route = 17,
    .padding = 8,
    .link_address = 32,
    .version = 5,
    .header = 96,
    .index = 6,
    .flags = 16,
    .addrs = 12,
    .pid = 24,
    .seq = 28,
    .errnum = 32,
    .header_length = 4,
    .table = 8,
    .new_address = 12,
    .delete_address = 13,
    .link_info = 14,
    .link_announce = 15,
    .desync = 16,
    .ifreq = 32,
    .get_flags = 0xc0206911,
    .set_flags = 0x80206910,
    .set_mtu = 0x8020697f,
    .destroy = 0x80206979,
    .delete_v4 = 0x80206919,
    .alias_v4 = 64,
    .alias_v6 = 128,
    .ifreq_v6 = 288,
    .add_v4 = 0x8040691a,
    .add_v6 = 0x8080691a,
    .delete_v6 = 0x81206919,
    .no_dad = 0,
    .tun_header = 0,
    .device = "tun",
    .tells_interface = false,
    .embeds_scope = true,
    .checks_gateway = true,
    .destroys = false,
    .most_mtu = 16384,
};

inline constexpr Traits kDragonFly{
    .name = "DragonFly",
    .inet6 = 28,
    .route = 17,
    .padding = 8,
    .link_address = 54,
    .version = 5,
    .header = 152,
    .index = 4,
    .flags = 8,
    .addrs = 12,
    .pid = 16,
    .seq = 20,
    .errnum = 24,
    .header_length = 0,
    .table = 0,
    .new_address = 12,
    .delete_address = 13,
    .link_info = 14,
    .link_announce = 17,
    .desync = 0,
    .ifreq = 32,
    .get_flags = 0xc0206911,
    .set_flags = 0x80206910,
    .set_mtu = 0x80206934,
    .destroy = 0x80206979,
    .delete_v4 = 0x80206919,
    .alias_v4 = 64,
    .alias_v6 = 128,
    .ifreq_v6 = 288,
    .add_v4 = 0x8040691a,
    .add_v6 = 0x8080691a,
    .delete_v6 = 0x81206919,
    .no_dad = 0x20,
    .tun_header = 0x80047460,
    .device = "tun",
    .tells_interface = true,
    .embeds_scope = true,
    .checks_gateway = true,
    .destroys = true,
    .most_mtu = 65535,
};

inline constexpr Traits kMacOs{
    .name = "Darwin",
    .inet6 = 30,
    .route = 17,
    .padding = 4,
    .link_address = 20,
    .version = 5,
    .header = 92,
    .index = 4,
    .flags = 8,
    .addrs = 12,
    .pid = 16,
    .seq = 20,
    .errnum = 24,
    .header_length = 0,
    .table = 0,
    .new_address = 12,
    .delete_address = 13,
    .link_info = 14,
    .link_announce = 0,
    .desync = 0,
    .ifreq = 32,
    .get_flags = 0xc0206911,
    .set_flags = 0x80206910,
    .set_mtu = 0x80206934,
    .destroy = 0x80206979,
    .delete_v4 = 0x80206919,
    .alias_v4 = 64,
    .alias_v6 = 128,
    .ifreq_v6 = 288,
    .add_v4 = 0x8040691a,
    .add_v6 = 0x8080691a,
    .delete_v6 = 0x81206919,
    .no_dad = 0x20,
    .tun_header = 0,
    .device = "utun",
    .tells_interface = true,
    .embeds_scope = true,
    .checks_gateway = true,
    .destroys = false,
    .most_mtu = 65535,
};

}  // namespace vpnd::bsd
