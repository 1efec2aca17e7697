// SPDX-License-Identifier: ISC
#pragma once

// Inner packets for tests, and a checksum that shares nothing with the program's.

#include <cstdint>
#include <vector>

#include "core/base/bytes.h"

namespace vpnd::test {

struct PacketSpec {
  bool v6 = false, udp = false;
  std::size_t payload = 100;
  std::size_t tcp_options = 12, ip_options = 0;  // multiples of 4
  std::uint8_t tcp_flags = 0x10;
};

// Sum of 16-bit words one by one; an odd last byte counts as the high one.
inline std::uint16_t plain_sum(Bytes data, std::uint32_t start = 0) {
  std::uint32_t sum = start;
  for (std::size_t i = 0; i < data.size(); ++i) {
    sum += i % 2 == 0 ? std::uint32_t{data[i]} * 256 : data[i];
    while (sum > 0xffff) sum = sum - 0xffff;
  }
  return static_cast<std::uint16_t>(sum);
}

inline std::size_t ip_header(const PacketSpec& s) {
  return s.v6 ? 40 : 20 + s.ip_options;
}
inline std::size_t all_headers(const PacketSpec& s) {
  return ip_header(s) + (s.udp ? 8 : 20 + s.tcp_options);
}

inline std::uint16_t pseudo(Bytes packet, bool v6, std::size_t transport) {
  const Bytes addresses = v6 ? packet.subspan(8, 32) : packet.subspan(12, 8);
  const std::uint8_t protocol = v6 ? packet[6] : packet[9];
  const std::uint32_t length = static_cast<std::uint32_t>(packet.size() - transport);
  return plain_sum(addresses, protocol + length % 0x10000 + length / 0x10000);
}

// A whole packet as the kernel gives it with a partial checksum: the pseudo-header's sum stands in
// the field.
inline std::vector<std::uint8_t> partial_packet(const PacketSpec& s) {
  const std::size_t ip = ip_header(s), headers = all_headers(s);
  std::vector<std::uint8_t> p(headers + s.payload);
  for (std::size_t i = 0; i < s.payload; ++i) {
    p[headers + i] = static_cast<std::uint8_t>(i * 7 + i / 256);
  }
  const auto total = static_cast<std::uint16_t>(p.size());
  const std::uint8_t protocol = s.udp ? 17 : 6;
  p[0] = static_cast<std::uint8_t>(s.v6 ? 0x60 : 0x40 | (ip / 4));
  if (s.v6) {
    store_be16(&p[4], static_cast<std::uint16_t>(total - 40));
    p[6] = protocol;
    p[7] = 64;
    for (std::size_t i = 8; i < 40; ++i) p[i] = static_cast<std::uint8_t>(0xf0 + i);
  } else {
    store_be16(&p[2], total);
    store_be16(&p[4], 0xfffe);  // an id that wraps
    store_be16(&p[6], 0x4000);
    p[8] = 64;
    p[9] = protocol;
    for (std::size_t i = 12; i < 20; ++i) p[i] = static_cast<std::uint8_t>(200 + i);
    store_be16(&p[10], static_cast<std::uint16_t>(~plain_sum(Bytes(p).first(ip))));
  }
  store_be16(&p[ip], 4000);
  store_be16(&p[ip + 2], 443);
  if (s.udp) {
    store_be16(&p[ip + 4], static_cast<std::uint16_t>(8 + s.payload));
    store_be16(&p[ip + 6], pseudo(p, s.v6, ip));
  } else {
    store_be32(&p[ip + 4], 0xfffffff0);  // a sequence number that wraps
    p[ip + 12] = static_cast<std::uint8_t>((20 + s.tcp_options) / 4 * 16);
    p[ip + 13] = s.tcp_flags;
    store_be16(&p[ip + 16], pseudo(p, s.v6, ip));
  }
  return p;
}

// Do the IPv4 header's and the transport's checksums verify?
inline bool checksums_good(Bytes p) {
  const bool v6 = p[0] >> 4 == 6;
  const std::size_t ip = v6 ? 40 : (p[0] & 15u) * 4;
  if (!v6 && plain_sum(p.first(ip)) != 0xffff) return false;
  return plain_sum(p.subspan(ip), pseudo(p, v6, ip)) == 0xffff;
}

}  // namespace vpnd::test
