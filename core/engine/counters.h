// SPDX-License-Identifier: ISC
#pragma once

#include <array>
#include <cstdint>

#include "core/base/drop.h"

namespace vpnd::engine {

struct Traffic {
  std::uint64_t packets = 0, bytes = 0;  // inner packets (a GSO packet counts once) and their bytes
};

struct Counters {
  Traffic received, sent;  // from the peer to our TUN; from our TUN to the peer
  std::array<std::uint64_t, kDropCount> drops{};
  std::uint64_t records_sent = 0, records_received = 0;
  std::uint64_t handshakes = 0;  // sessions that came up
  std::uint64_t reconnects = 0;  // client: sessions after the first
  std::uint64_t rekeys = 0;

  void drop(Drop d) noexcept {
    if (d != Drop::none) ++drops[static_cast<std::size_t>(d)];
  }
};

}  // namespace vpnd::engine
