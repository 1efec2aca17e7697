// SPDX-License-Identifier: ISC
#pragma once

// Counts what crosses a link, by a packet ring.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/base/addr.h"
#include "core/base/bytes.h"
#include "linux/packet_ring.h"

namespace vpnd::demo {

struct Seen {
  std::uint64_t tunnel = 0;          // TCP between the server's port and somebody
  std::uint64_t neighbours = 0;      // ARP, IPv6 neighbour and multicast-listener discovery
  std::uint64_t leases = 0;          // DHCP and DHCPv6
  std::uint64_t expected = 0;        // what Watch::expected takes
  std::uint64_t clear = 0;           // anything else: what a tunnel must hide
  std::uint64_t lost = 0;            // passed without having been looked at
  std::vector<std::string> samples;  // the first few of `clear`, in words
};

class Watch {
 public:
  // In the current network namespace. Throws Error.
  Watch(const std::string& interface, const Endpoint& server);

  // Of IP packets that are nothing of all that, those which may pass all the same. Empty: none.
  std::function<bool(Bytes packet)> expected;

  // Counts what waits; to be called every 50 ms or so while there is traffic.
  void drain();
  // What was counted since the last call.
  Seen take();

 private:
  void classify(const std::uint8_t* frame, std::size_t size);

  nl::PacketRing ring_;
  Endpoint server_;
  Seen seen_;
};

}  // namespace vpnd::demo
