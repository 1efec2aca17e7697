// SPDX-License-Identifier: ISC
#pragma once

// Messages of a routing socket, route(4), for any of the systems of traits.h. Integers are in host
// order, addresses in network order. Nothing that comes in is trusted: other processes' messages
// come by the same socket.

#include <optional>
#include <vector>

#include "bsd/traits.h"
#include "core/base/addr.h"
#include "core/base/bytes.h"

namespace vpnd::bsd {

// A way on: a router, an interface itself (its number), or neither.
struct Hop {
  std::optional<Address> router;
  std::uint16_t interface = 0;  // of a sockaddr_dl; with a router: not sent
  // The scope of a link-local router, which names an address only together with it.
  std::uint16_t scope = 0;
  friend bool operator==(const Hop&, const Hop&) = default;
};

// What is said of one route.
struct RouteMessage {
  std::uint8_t type = kGet;
  std::uint32_t flags = 0;
  Prefix to;                   // host bits clear
  Hop hop;                     // of RTM_ADD and RTM_CHANGE
  bool mask = true;            // sent; without it a kernel looks the address up instead
  bool ask_interface = false;  // of RTM_GET
  std::uint32_t table = 0;     // the routing table, where there are several
  std::uint32_t pid = 0;       // read only: the kernel fills it in
  std::uint32_t seq = 0;
  std::uint32_t errnum = 0;     // read only
  std::uint16_t interface = 0;  // read only; 0: not told
};

std::vector<std::uint8_t> build(const Traits&, const RouteMessage&);

// The first message of `bytes` and its length. What is not well-formed ends the reading: without a
// length that can be believed there is no next one. Types other than those of routes give a message
// of that type with nothing else in it.
struct Parsed {
  std::size_t length = 0;  // 0: nothing can be read here, nor after it
  std::optional<RouteMessage> message;
};
Parsed parse(const Traits&, Bytes bytes) noexcept;

// The answer to a question of ours.
bool answers(const RouteMessage& message, std::uint32_t pid, std::uint32_t seq) noexcept;

// May the way to anywhere be another one after this? A watcher that lost messages (ENOBUFS) assumes
// so as well.
bool changes_ways(const Traits&, const RouteMessage&) noexcept;

}  // namespace vpnd::bsd
