// SPDX-License-Identifier: ISC
#pragma once

// One carrier connection, of either side: the opening block as it trickles in, then the channel;
// what waits to be sent and what is on its way.

#include <memory>
#include <optional>
#include <string>

#include "core/base/addr.h"
#include "core/engine/counters.h"
#include "core/engine/effects.h"
#include "core/engine/flow_queue.h"
#include "core/engine/inner_check.h"
#include "core/engine/path.h"
#include "core/engine/source.h"
#include "core/engine/workers.h"
#include "core/wire/channel.h"
#include "core/wire/handshake.h"

namespace vpnd::engine {

struct PeerReport;  // engine.h

enum class Phase : std::uint8_t {
  free,
  dialing,     // client
  opening,     // the peer's block is awaited
  queued,      // server: a valid gate that waits for its turn of curve work
  confirming,  // server: s1 was sent
  up,
  moving,    // server: up, but it waits to go to another worker; nothing is read or sent
  retiring,  // client: replaced by a newer session, but packets may still arrive
  draining,  // server: known to be bad; read and discarded until its deadline
  closing,   // Hangup was said; only gather() and sent() may come
};

// What is sent besides data: an opening block with its padding, or control records. At most one of
// the first and a batch of the second are in it at once.
struct Outbox {
  ByteArray<wire::kBlock + wire::kMaxStreamPad + wire::kControlRoom> bytes;
  std::uint32_t end = 0;
};

// The middle of a record whose packets did not all fit into the TUN's batch.
struct HalfRead {
  std::size_t record = 0;       // its size on the wire; 0: none
  std::size_t at = 0, end = 0;  // the rest of its container, from the record's first byte
};

struct Connection {
  explicit Connection(Flows& flows) noexcept : queue(flows), flight(flows.nodes()) {}

  ConnId id;
  Phase phase = Phase::free;
  Endpoint endpoint;
  TimePoint deadline = kNever;  // until authenticated
  TimePoint since{};            // of the connection, then of the session

  // in
  wire::Block block{};  // phase opening
  std::uint16_t block_have = 0;
  std::uint16_t discard = 0;  // padding behind the block
  HalfRead half_read;
  std::unique_ptr<wire::Initiator> initiator;  // client, opening
  std::unique_ptr<wire::Gate> gate;            // server, queued
  std::optional<wire::Channel> channel;        // from confirming on
  std::uint64_t rekeys_seen = 0;

  // out
  std::unique_ptr<Outbox> outbox;
  FlowQueue queue;  // not sealed
  SlotList flight;  // sealed: each slot's end() is its record's
  bool outbox_flies = false;
  std::size_t flown = 0;   // bytes of the first piece that the socket took
  std::size_t batch = 0;   // what is sealed at once: less while the socket takes less
  bool stuttered = false;  // the socket did not take the last batch at once
  Path path;
  std::uint16_t peer_kinds = wire::kKindPlain;
  std::uint32_t send_limit = wire::kMaxPlaintext;
  enum class Turn : std::uint8_t { none, listed, named } turn = Turn::none;
  std::uint32_t ready_before = ~0u, ready_after = ~0u;  // the list of those that are listed
  std::uint32_t backlog = ~0u;                          // position among those with a queue

  // who
  SessionNumber session = 0;  // server, up
  wire::Identity identity;
  std::string name;
  wire::Lease lease;
  InnerAddresses inner;
  bool silence_counted = false;  // client
  Traffic received, sent;
  std::uint64_t queue_drops = 0;

  bool flying() const noexcept { return outbox_flies || !flight.empty(); }
  // Raw bytes for the opening: a block, and random padding behind it.
  void put_block(const wire::Block&, std::uint16_t pad, const Entropy&);
  bool something_to_send() const noexcept;
  // Takes what the block still lacks; returns bytes taken.
  std::size_t fill_block(Bytes stream) noexcept;
  bool block_complete() const noexcept { return block_have == wire::kBlock; }
  std::size_t skip_padding(std::size_t available) noexcept;
  PeerReport report(TimePoint now) const;  // pre: a channel; without next_rekey and worker
  void reset() noexcept;                   // everything but id and the lists it stands in
};

}  // namespace vpnd::engine
