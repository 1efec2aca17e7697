// SPDX-License-Identifier: ISC
#include "linux/demo_watch.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/base/bytes.h"
#include "core/base/error.h"

namespace vpnd::demo {
namespace {

// The ring holds 50 ms of the smallest packets; frames are cut to more than what classify() looks
// at.
constexpr unsigned kBlocks = 128;
constexpr std::size_t kSamples = 8;
constexpr char kDoing[] = "count packets";

// No protocol yet: until it is bound, packets of other interfaces would come too.
Fd packet_socket() {
  Fd fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (!fd) throw Error(kDoing, errno, {}, Exit::os);
  return fd;
}

bool is_discovery(std::uint8_t type) noexcept {
  return (type >= 130 && type <= 137) || type == 143;  // RFC 2710, RFC 3810, RFC 4861
}

// MLD comes behind a hop-by-hop header (RFC 2710, 3).
bool is_icmp6_discovery(Bytes packet) noexcept {
  std::size_t at = 40;
  std::uint8_t next = packet[6];
  if (next == IPPROTO_HOPOPTS && packet.size() > at + 2) {
    next = packet[at];
    at += 8 + std::size_t{8} * packet[at + 1];
  }
  return next == IPPROTO_ICMPV6 && packet.size() > at && is_discovery(packet[at]);
}

bool is_to_or_from(Bytes packet, const Endpoint& server) noexcept {
  const bool v4 = packet[0] >> 4 == 4;
  const std::size_t header = v4 ? std::size_t{4} * (packet[0] & 15) : 40;
  const std::uint8_t protocol = v4 ? packet[9] : packet[6];
  // A later fragment has no ports; ours are never fragmented.
  if (v4 && (load_be16(&packet[6]) & 0x1fff) != 0) return false;
  if (protocol != IPPROTO_TCP || packet.size() < header + 4 || v4 != server.address.is_v4()) {
    return false;
  }
  const std::size_t length = v4 ? 4 : 16;
  const std::size_t from = v4 ? 12 : 8;
  const auto is_server = [&](std::size_t address, std::size_t port) {
    return std::ranges::equal(packet.subspan(address, length), server.address.bytes()) &&
           load_be16(&packet[port]) == server.port;
  };
  return is_server(from, header) || is_server(from + length, header + 2);
}

// DHCP and DHCPv6, which an address is had by.
bool is_dhcp(Bytes packet) noexcept {
  const bool v4 = packet[0] >> 4 == 4;
  const std::size_t header = v4 ? std::size_t{4} * (packet[0] & 15) : 40;
  if ((v4 ? packet[9] : packet[6]) != IPPROTO_UDP || packet.size() < header + 4) return false;
  const int from = load_be16(&packet[header]), to = load_be16(&packet[header + 2]);
  return v4 ? (from == 68 && to == 67) || (from == 67 && (to == 68 || to == 67))
            : (from == 546 && to == 547) || (from == 547 && to == 546);
}

std::string describe(std::uint16_t type, Bytes packet) {
  const bool v4 = type == ETH_P_IP && packet.size() >= 20;
  if (!v4 && (type != ETH_P_IPV6 || packet.size() < 40)) return fmt::format("type {:04x}", type);
  const std::size_t header = v4 ? std::size_t{4} * (packet[0] & 15) : 40;
  const std::size_t length = v4 ? 4 : 16;
  const std::size_t from = v4 ? 12 : 8;
  const auto address = [&](std::size_t at) {
    const Bytes bytes = packet.subspan(at, length);
    return (v4 ? Address::v4(bytes) : Address::v6(bytes)).text();
  };
  const Bytes rest = packet.subspan(std::min(header, packet.size()));
  return fmt::format("protocol {}, {} to {}: {:02x}", v4 ? packet[9] : packet[6], address(from),
                     address(from + length),
                     fmt::join(rest.first(std::min<std::size_t>(rest.size(), 8)), " "));
}

}  // namespace

Watch::Watch(const std::string& interface, const Endpoint& server)
    : ring_(packet_socket(), static_cast<int>(::if_nametoindex(interface.c_str())), kBlocks,
            kDoing),
      server_(server) {}

void Watch::drain() {
  const auto use = [this](const tpacket2_hdr& header, const std::uint8_t* at) {
    classify(at + header.tp_mac, header.tp_snaplen);
  };
  while (!ring_.drain(use)) {
  }
}

void Watch::classify(const std::uint8_t* frame, std::size_t size) {
  const Bytes all(frame, size);
  const std::uint16_t type = size >= ETH_HLEN ? load_be16(frame + 12) : std::uint16_t{0};
  const Bytes packet = size > ETH_HLEN ? all.subspan(ETH_HLEN) : Bytes{};
  const bool internet =
      (type == ETH_P_IP && packet.size() >= 20) || (type == ETH_P_IPV6 && packet.size() >= 40);
  if (type == ETH_P_ARP) {
    ++seen_.neighbours;
  } else if (type == ETH_P_IPV6 && packet.size() > 40 && is_icmp6_discovery(packet)) {
    ++seen_.neighbours;
  } else if (internet && is_to_or_from(packet, server_)) {
    ++seen_.tunnel;
  } else if (internet && is_dhcp(packet)) {
    ++seen_.leases;
  } else if (internet && expected && expected(packet)) {
    ++seen_.expected;
  } else {
    ++seen_.clear;
    if (seen_.samples.size() < kSamples) seen_.samples.push_back(describe(type, packet));
  }
}

Seen Watch::take() {
  drain();
  const auto lost = ring_.lost();
  if (!lost) throw Error(kDoing, errno, {}, Exit::os);
  seen_.lost += *lost;
  return std::exchange(seen_, {});
}

}  // namespace vpnd::demo
