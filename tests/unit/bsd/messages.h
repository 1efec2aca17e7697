// SPDX-License-Identifier: ISC
#pragma once

// Messages that two kernels have accepted, as values.

#include "bsd/route_message.h"
#include "tests/unit/bsd/plans.h"

namespace vpnd::test {

using Message = std::vector<std::uint8_t>;

inline bsd::RouteMessage message(std::uint8_t type, std::uint32_t flags, const char* to,
                                 std::uint32_t seq) {
  bsd::RouteMessage m;
  m.type = type;
  m.flags = flags;
  m.to = prefix(to);
  m.mask = (flags & bsd::kRtfHost) == 0;
  m.seq = seq;
  return m;
}

inline bsd::RouteMessage by(bsd::RouteMessage m, const char* router) {
  m.hop.router = address(router);
  return m;
}

inline const bsd::RouteMessage kGetDefault = message(bsd::kGet, 0x3, "0.0.0.0/0", 0x65);
inline const bsd::RouteMessage kAddHost =
    by(message(bsd::kAdd, 0x807, "203.0.113.5", 0x67), "192.0.2.1");
inline const bsd::RouteMessage kAddHalf =
    by(message(bsd::kAdd, 0x803, "0.0.0.0/1", 0x68), "10.9.0.1");
inline const bsd::RouteMessage kAddBlackhole = by(message(bsd::kAdd, 0x1801, "::/1", 0x6e), "::1");
inline const bsd::RouteMessage kDeleteHalf = message(bsd::kDelete, 0x803, "::/1", 0x6c);

}  // namespace vpnd::test
