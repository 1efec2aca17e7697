// SPDX-License-Identifier: ISC
#include "core/engine/connection.h"

#include <algorithm>
#include <cstring>

#include "core/engine/engine.h"

namespace vpnd::engine {

void Connection::put_block(const wire::Block& b, std::uint16_t pad, const Entropy& entropy) {
  if (!outbox) outbox = std::make_unique<Outbox>();
  std::memcpy(outbox->bytes.data(), b.data(), b.size());
  entropy(MutBytes(outbox->bytes).subspan(b.size(), pad));
  outbox->end = static_cast<std::uint32_t>(b.size() + pad);
}

bool Connection::something_to_send() const noexcept {
  if (flying() || phase == Phase::moving) return false;
  if (outbox && outbox->end != 0) return true;
  if (!channel) return false;
  return channel->control_pending() || (!queue.empty() && channel->may_send_data());
}

std::size_t Connection::fill_block(Bytes stream) noexcept {
  const std::size_t n = std::min(stream.size(), block.size() - block_have);
  std::memcpy(block.data() + block_have, stream.data(), n);
  block_have = static_cast<std::uint16_t>(block_have + n);
  return n;
}

std::size_t Connection::skip_padding(std::size_t available) noexcept {
  const std::size_t n = std::min<std::size_t>(available, discard);
  discard = static_cast<std::uint16_t>(discard - n);
  return n;
}

PeerReport Connection::report(TimePoint now) const {
  PeerReport r;
  r.name = name;
  r.endpoint = endpoint;
  r.inner_v4 = inner.v4;
  r.inner_v6 = inner.v6.value_or(Address{});
  r.received = received;
  r.sent = sent;
  r.age = now - since;
  r.rtt = channel->rtt();
  r.rtt_min = channel->rtt_min();
  r.queue_drops = queue_drops;
  r.cipher = channel->cipher();
  return r;
}

void Connection::reset() noexcept {
  deadline = kNever;
  block_have = 0;
  discard = 0;
  half_read = {};
  initiator.reset();
  gate.reset();
  channel.reset();
  rekeys_seen = 0;
  outbox.reset();
  queue.clear();
  flight.clear();
  outbox_flies = false;
  flown = batch = 0;
  stuttered = false;
  path = {};
  peer_kinds = wire::kKindPlain;
  send_limit = wire::kMaxPlaintext;
  session = 0;
  identity = {};
  name.clear();
  lease = {};
  inner = {};
  silence_counted = false;
  received = sent = {};
  queue_drops = 0;
}

}  // namespace vpnd::engine
