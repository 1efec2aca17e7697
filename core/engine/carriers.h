// SPDX-License-Identifier: ISC
#pragma once

// All connections of a worker and what they share: the slots, the order in which they send, their
// deadlines. It knows nothing of sides, handshakes or addresses.

#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "core/engine/connection.h"
#include "core/engine/deadlines.h"
#include "core/engine/flow_id.h"
#include "core/engine/settings.h"

namespace vpnd::engine {

class Carriers {
 public:
  Carriers(const Room&, Counters&, const Entropy&);

  Connection& open(const Endpoint&, Phase, TimePoint now);
  Connection* find(ConnId) noexcept;  // nullptr: it is gone
  Connection& at(std::uint32_t index) noexcept { return all_[index]; }
  std::size_t count() const noexcept { return all_.size(); }  // free ones too
  const Connection& at(std::uint32_t index) const noexcept { return all_[index]; }
  // Gone at once; nothing of it may be in a socket's hands any more.
  void release(Connection&) noexcept;
  // Hangup was said: what waits is dropped, what control there is may still be sent, then released.
  void retire(Connection&, TimePoint now);

  wire::Slot slot() noexcept;
  // A packet in a fresh slot, for a connection in phase up. Counts drops.
  struct Packet {
    std::size_t size = 0;
    wire::Offload offload;
    wire::IpInfo ip;
  };
  Drop enqueue(Connection&, wire::Slot&, const Packet&, TimePoint now) noexcept;
  void want_send(Connection&) noexcept;  // list it, if there is something to send
  std::optional<ConnId> next_ready() noexcept;
  std::size_t gather(ConnId, std::span<Bytes> out, TimePoint now) noexcept;
  void sent(ConnId, std::size_t bytes, TimePoint now) noexcept;
  void path(ConnId, const Path&) noexcept;

  Deadlines deadlines;
  // The next moment at which its channel wants a tick.
  void arm(Connection& c) { deadlines.no_later_than(c.id.index, c.channel->next_deadline()); }
  bool note_rekeys(Connection&) noexcept;  // there are new ones

 private:
  QueueLimits limits(const Connection&) const noexcept;
  void make_room(Connection&, std::size_t bytes) noexcept;
  Drop convert(Connection&, MutBytes packet, const QueuedPacket&) noexcept;
  void lose(Connection&, std::size_t packets, Drop) noexcept;
  bool evict() noexcept;
  void note_backlog(Connection&) noexcept;
  void unlist(Connection&) noexcept;
  wire::Slot next_record(Connection&, TimePoint now) noexcept;
  void seal_batch(Connection&, std::size_t max_records, TimePoint now) noexcept;
  void adapt_batch(Connection&) noexcept;
  std::size_t pieces(Connection&, std::span<Bytes> out) noexcept;

  Room room_;
  Counters& counters_;
  wire::Pool pool_;
  Flows flows_;
  crypto::ShortHashKey flow_key_{};
  std::deque<Connection> all_;  // never moves
  std::vector<std::uint32_t> free_;
  std::uint32_t ready_first_ = ~0u, ready_last_ = ~0u;
  std::vector<std::uint32_t> backlog_;
  std::vector<std::uint8_t> scratch_;  // one segment at a time
};

}  // namespace vpnd::engine
