// SPDX-License-Identifier: ISC
#pragma once

// Records of one connection that wait to be sealed, a queue for each inner flow, after RFC 8290:
// deficit round robin, flows that send little first, CoDel for each, and when there are too many
// bytes the flow with most of them pays. A slot is one record's container; small packets of a flow
// are copied behind each other into its last one, so that they share a record and their own slots
// are free again.

#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/drop.h"
#include "core/engine/codel.h"
#include "core/engine/slot_list.h"
#include "core/wire/offload.h"

namespace vpnd::engine {

struct Flow {
  Flow(SlotNodes& nodes, std::uint64_t the_id) noexcept : records(nodes), id(the_id) {}

  SlotList records;
  std::uint64_t id;
  std::size_t bytes = 0;
  std::int64_t deficit = 0;  // what it may still send in this turn
  Codel codel;
  bool open = false;   // its last record takes more
  bool fresh = false;  // in its first turn
  std::uint32_t before = ~0u, after = ~0u;
};

// All flows of one worker that have something waiting: never more than slots.
class Flows {
 public:
  explicit Flows(std::size_t slots);
  Flows(const Flows&) = delete;
  Flows& operator=(const Flows&) = delete;

  SlotNodes& nodes() noexcept { return nodes_; }
  Flow& at(std::uint32_t index) noexcept { return *all_[index].flow; }
  std::optional<std::uint32_t> find(std::uint64_t id) const noexcept;
  std::uint32_t add(std::uint64_t id) noexcept;  // pre: not there
  void remove(std::uint32_t index) noexcept;

 private:
  struct Entry {
    std::optional<Flow> flow;
    std::uint32_t next = ~0u;  // in its bucket, or among the free ones
  };
  std::uint32_t& bucket(std::uint64_t id) noexcept { return buckets_[id & (buckets_.size() - 1)]; }

  SlotNodes nodes_;
  std::vector<Entry> all_;
  std::vector<std::uint32_t> buckets_;
  std::uint32_t free_ = 0;
};

struct QueueLimits {
  std::size_t bytes = 0;          // plaintext in all records together
  std::size_t copy_below = 0;     // packets smaller than this share a record
  std::size_t shared_record = 0;  // plaintext of a shared record
  std::size_t record = 0;         // plaintext of any record: what the peer announced
};

struct QueuedPacket {
  std::size_t size = 0;
  wire::Offload offload;
  std::uint64_t flow = 0;  // flow_id, mixed with the connection's number
  TimePoint now;
};

class FlowQueue {
 public:
  explicit FlowQueue(Flows& flows) noexcept : flows_(flows) {}
  ~FlowQueue() { clear(); }
  FlowQueue(const FlowQueue&) = delete;
  FlowQueue& operator=(const FlowQueue&) = delete;

  bool empty() const noexcept { return bytes_ == 0; }
  std::size_t bytes() const noexcept { return bytes_; }
  // A packet that lies at slot.packet_room() of a fresh slot. Takes the slot unless it copied or
  // refused.
  static constexpr std::size_t kAnySize = ~std::size_t{0};
  [[nodiscard]] Drop push(wire::Slot& slot, const QueuedPacket&, const QueueLimits&) noexcept;
  // A packet that lies elsewhere.
  [[nodiscard]] Drop push_copy(wire::Pool&, Bytes packet, const QueuedPacket&,
                               const QueueLimits&) noexcept;
  // The next record to be sealed, if it has at most so much plaintext; none only if the queue is
  // empty or the next is larger. Packets that CoDel drops meanwhile are added to `lost`.
  wire::Slot pop(TimePoint now, const Pace&, std::size_t& lost,
                 std::size_t most = kAnySize) noexcept;
  // Drops the oldest record of the flow that has most; returns its packets. Pre: !empty().
  std::size_t shed() noexcept;
  void clear() noexcept;

 private:
  struct List {
    std::uint32_t first = ~0u, last = ~0u;
  };
  List& list_of(const Flow& f) noexcept { return f.fresh ? fresh_ : old_; }
  void link(std::uint32_t flow) noexcept;
  void unlink(std::uint32_t flow) noexcept;
  std::uint32_t turn() noexcept;
  wire::Slot take(std::uint32_t flow) noexcept;
  void end_if_empty(std::uint32_t flow) noexcept;
  bool append(Bytes packet, const QueuedPacket&, const QueueLimits&) noexcept;
  void keep(wire::Slot&&, const QueuedPacket&, const QueueLimits&) noexcept;

  Flows& flows_;
  List fresh_, old_;
  std::size_t bytes_ = 0;
  std::size_t favour_ = 0;  // bytes of fresh flows since an old one had its turn
};

// How many packets a container holds that we wrote ourselves.
std::size_t packets_in(const wire::Slot& container) noexcept;

}  // namespace vpnd::engine
