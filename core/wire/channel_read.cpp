// SPDX-License-Identifier: ISC
#include <algorithm>
#include <new>

#include "core/wire/channel_state.h"

namespace vpnd::wire {
namespace {

constexpr std::size_t kPingBody = 9;  // id and flags; padding may follow
constexpr std::uint8_t kPongRekey = 1, kOptionalOp = 0x80;

PingId ping_id(Bytes body) noexcept {
  PingId id;
  std::ranges::copy(body.first(id.size()), id.begin());
  return id;
}

CloseReason close_reason(std::uint8_t code) noexcept {
  const bool known = code >= static_cast<std::uint8_t>(CloseReason::shutdown) &&
                     code <= static_cast<std::uint8_t>(CloseReason::revoked);
  return known ? static_cast<CloseReason>(code) : CloseReason::shutdown;
}

}  // namespace

Channel::Received Channel::receive(MutBytes stream, TimePoint now) noexcept {
  try {
    return state_->receive(stream, now);
  } catch (const std::bad_alloc&) {
    // New keys need room in the arena. Without it this session cannot go on, but others can.
    return state_->fail(Drop::key_spent);
  }
}

std::size_t Channel::record_size(Bytes stream) noexcept {
  State& s = *state_;
  if (s.dead != Drop::none || s.peer_closed || stream.size() < kRecordHeader) return 0;
  EpochKeys& keys = s.renewal.receiving();
  const auto header = keys.peek(stream.first<kRecordHeader>());
  if (!header || header->length > s.params.receive_limit) return 0;
  return kRecordHeader + header->length + keys.tag();
}

Channel::Received Channel::State::wait(std::size_t have) noexcept {
  if (have > partial) liveness.heard();  // a long record on a slow path is a sign of life too
  partial = have;
  return {};
}

Channel::Received Channel::State::fail(Drop why) noexcept {
  if (dead == Drop::none) dead = why;
  // A record that does not verify may be anyone's; only one that does proves the peer's fault.
  if (why == Drop::bad_control) close(CloseReason::protocol);
  if (why == Drop::key_spent) close(CloseReason::key_limit);
  return {Event::failed, 0, {}, dead};
}

Channel::Received Channel::State::receive(MutBytes stream, TimePoint now) {
  if (dead != Drop::none) return {Event::failed, 0, {}, dead};
  if (stream.size() < kRecordHeader) return wait(stream.size());
  if (peer_closed) return fail(Drop::bad_control);  // CLOSE is the last record
  EpochKeys& keys = renewal.receiving();
  const auto header = keys.peek(stream.first<kRecordHeader>());
  if (!header) return fail(Drop::bad_header);
  if (header->length > params.receive_limit) return fail(Drop::too_large);
  const std::size_t wire = kRecordHeader + header->length + keys.tag();
  if (stream.size() < wire) return wait(stream.size());
  if (!renewal.room(keys, header->length)) return fail(Drop::key_spent);
  if (!keys.open(*header, stream.subspan(kRecordHeader, header->length + keys.tag()))) {
    return fail(Drop::bad_tag);
  }
  partial = 0;
  liveness.heard();
  renewal.count_received(header->length);
  const MutBytes plain = stream.subspan(kRecordHeader, header->length);
  Received r{Event::data, wire, plain, Drop::none};
  if (header->type == RecordType::control) {
    r = control(plain, now);
    if (r.event != Event::failed) r.consumed = wire;
    return r;
  }
  if ((!params.client && !confirmed) || renewal.only_switch()) return fail(Drop::bad_control);
  return r;
}

Channel::Received Channel::State::control(MutBytes plain, TimePoint now) {
  if (plain.empty()) return fail(Drop::bad_control);
  const bool confirm = plain[0] == static_cast<std::uint8_t>(Op::confirm);
  const bool change = plain[0] == static_cast<std::uint8_t>(Op::switch_epoch);
  if (!params.client && !confirmed && !confirm) return fail(Drop::bad_control);
  if (renewal.only_switch() && !change) return fail(Drop::bad_control);
  if ((plain[0] & kOptionalOp) != 0) return {Event::handled, 0, {}, Drop::none};
  const auto event = dispatch(static_cast<Op>(plain[0]), plain.subspan(1), now);
  if (!event) return fail(Drop::bad_control);
  return {*event, 0, {}, Drop::none};
}

// The event, or nullopt: a wrong length, direction or moment.
std::optional<Channel::Event> Channel::State::dispatch(Op op, Bytes body, TimePoint now) {
  const auto handled = [](bool ok) { return ok ? std::optional(Event::handled) : std::nullopt; };
  switch (op) {
    case Op::confirm:
      return read_confirm(body);
    case Op::ping:
      return read_ping(body);
    case Op::pong:
      return read_pong(body, now);
    case Op::rekey1:
      return handled(!closing() && renewal.read_rekey1(body, entropy));
    case Op::rekey2:
      return handled(renewal.read_rekey2(body));
    case Op::switch_epoch:
      return handled(body.size() == 1 && renewal.read_switch(body[0], entropy, now));
    case Op::close:
      return read_close(body);
    case Op::pad:
      return Event::handled;
    case Op::lease:
      return read_lease(body);
    case Op::config:
      return read_config(body);
  }
  return std::nullopt;  // an op we do not know
}

std::optional<Channel::Event> Channel::State::read_confirm(Bytes body) noexcept {
  if (params.client || confirmed || body.size() > 255) return std::nullopt;
  confirmed = true;
  return Event::confirmed;
}

std::optional<Channel::Event> Channel::State::read_ping(Bytes body) noexcept {
  if (body.size() < kPingBody) return std::nullopt;
  pongs.add(ping_id(body));
  return Event::handled;
}

std::optional<Channel::Event> Channel::State::read_pong(Bytes body, TimePoint now) noexcept {
  if (body.size() < kPingBody) return std::nullopt;
  if (params.client && (body[8] & kPongRekey) != 0) renewal.want();
  return liveness.answered(ping_id(body), now) ? Event::pong : Event::handled;
}

std::optional<Channel::Event> Channel::State::read_close(Bytes body) noexcept {
  if (body.size() != 1) return std::nullopt;
  reason = close_reason(body[0]);
  peer_closed = true;
  return Event::closed;
}

std::optional<Channel::Event> Channel::State::read_lease(Bytes body) noexcept {
  if (!params.client || body.size() != kLease) return std::nullopt;
  const auto next = Lease::decode(body.first<kLease>());
  if (!next) return std::nullopt;
  lease = *next;
  return Event::lease;
}

std::optional<Channel::Event> Channel::State::read_config(Bytes body) {
  if (!params.client || !apply_config(body, config)) return std::nullopt;
  return Event::config;
}

}  // namespace vpnd::wire
