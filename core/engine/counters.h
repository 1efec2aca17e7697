// SPDX-License-Identifier: ISC
#pragma once

#include <array>
#include <cstdint>

#include "core/base/drop.h"

namespace vpnd::engine {

struct Traffic {
  std::uint64_t packets = 0, bytes = 0;  // inner packets (a GSO packet counts once) and their bytes
  void add(const Traffic& more) noexcept {
    packets += more.packets;
    bytes += more.bytes;
  }
};

struct Counters {
  Traffic received, sent;  // from the peer to our TUN; from our TUN to the peer
  std::array<std::uint64_t, kDropCount> drops{};
  std::uint64_t records_sent = 0, records_received = 0;
  std::uint64_t handshakes = 0;  // sessions that came up
  std::uint64_t reconnects = 0;  // client: sessions after the first
  std::uint64_t rekeys = 0;
  std::uint64_t handed_over = 0;  // packets that another worker's queue of the TUN had brought

  void drop(Drop d) noexcept {
    if (d != Drop::none) ++drops[static_cast<std::size_t>(d)];
  }
  void add(const Counters&) noexcept;
};

inline void Counters::add(const Counters& more) noexcept {
  received.add(more.received);
  sent.add(more.sent);
  for (std::size_t i = 0; i < drops.size(); ++i) drops[i] += more.drops[i];
  records_sent += more.records_sent;
  records_received += more.records_received;
  handshakes += more.handshakes;
  reconnects += more.reconnects;
  rekeys += more.rekeys;
  handed_over += more.handed_over;
}

}  // namespace vpnd::engine
