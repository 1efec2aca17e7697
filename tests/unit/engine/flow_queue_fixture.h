// SPDX-License-Identifier: ISC
#pragma once

// A flow queue with all that it needs, for its tests.

#include <criterion/criterion.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "core/engine/flow_queue.h"
#include "core/wire/container.h"
#include "tests/unit/engine/test_random.h"

namespace vpnd::engine {

using Raw = std::vector<std::uint8_t>;

inline constexpr QueueLimits kLimits{200'000, 2048, 16 * 1024, wire::kMaxPlaintext};
inline constexpr TimePoint kStart{std::chrono::hours(1)};

inline Raw packet(std::mt19937& random, std::size_t size) {
  Raw p(size);
  for (auto& b : p) b = static_cast<std::uint8_t>(random());
  p[0] = 0x45;
  p[1] = 0;  // its sender knows no marks
  return p;
}

// A queue with all that it needs, and a slot as whoever reads the TUN has it.
struct Queue {
  explicit Queue(std::size_t slots) : pool(slots), flows(slots), queue(flows) {}

  Drop put(const Raw& p, std::uint64_t flow = 1, TimePoint now = kStart,
           const wire::Offload& offload = {}, const QueueLimits& limits = kLimits) {
    if (!slot) slot = pool.take();
    if (!slot) return Drop::queue_full;
    std::ranges::copy(p, slot.packet_room().begin());
    return queue.push(slot, {p.size(), offload, flow, now}, limits);
  }
  wire::Slot pop(TimePoint now = kStart) { return queue.pop(now, pace_for({}), lost); }

  wire::Pool pool;
  Flows flows;
  FlowQueue queue;
  wire::Slot slot;
  std::size_t lost = 0;
};

inline std::vector<Raw> packets_of(const wire::Slot& record) {
  std::vector<Raw> out;
  wire::ContainerReader reader(record.bytes().subspan(wire::kRecordHeader, record.plaintext()));
  while (const auto e = reader.next()) out.emplace_back(e->packet.begin(), e->packet.end());
  cr_assert(reader.ok());
  return out;
}

}  // namespace vpnd::engine
