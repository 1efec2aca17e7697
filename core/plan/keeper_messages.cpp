// SPDX-License-Identifier: ISC
#include "core/plan/keeper_messages.h"

#include <algorithm>

#include "core/plan/message_io.h"

// Each message's fields are named once, in the order in which they travel; the same list writes and
// reads.

namespace vpnd::plan {
namespace {

using engine::ClientState;

template<class Io>
void fields(Io& io, to_engine::Tun& m) {
  io.number(m.kinds);
  io.limited(m.queue, engine::kMostWorkers - 1);
}
template<class Io>
void fields(Io&, to_engine::Listener&) {}
template<class Io>
void fields(Io& io, to_engine::Dialled& m) {
  io.number(m.conn.index);
  io.number(m.conn.generation);
  io.limited(m.errnum, 4095u);
}
template<class Io>
void fields(Io&, to_engine::Peers&) {}
template<class Io>
void fields(Io&, to_engine::ReportPlease&) {}
template<class Io>
void fields(Io&, to_engine::Stop&) {}
template<class Io>
void fields(Io&, to_engine::NetworkChanged&) {}
template<class Io>
void fields(Io& io, to_engine::Resolver& m) {
  io.number(m.round);
  io.limited(m.resolver, engine::kMostResolvers - 1);
  io.limited(m.errnum, 4095u);
}
template<class Io>
void fields(Io& io, to_engine::Settings& m) {
  io.enumerated(m.log_level, Level::debug);
  io.number(m.server.max_clients);
  io.boolean(m.server.isolate);
  io.number(m.server.mtu);
  io.address(m.server.dns_v4);
  io.address(m.server.dns_v6);
}

template<class Io>
void fields(Io& io, to_keeper::Ready& m) {
  io.boolean(m.uring);
  io.limited(m.fallbacks, 63u);
}
template<class Io>
void fields(Io& io, engine::Dial& m) {
  io.number(m.conn.index);
  io.number(m.conn.generation);
  io.limited(m.endpoint, kMaxEndpoints - 1);
}
template<class Io>
void fields(Io& io, to_keeper::Became& m) {
  io.enumerated(m.state, ClientState::blocked);
  io.lease(m.lease, m.state == ClientState::up);
}
template<class Io>
void fields(Io& io, engine::KeepCookie& m) {
  io.bytes(m.cookie);
}
template<class Io>
void fields(Io& io, to_keeper::LogLine& m) {
  io.enumerated(m.level, Level::debug);
  io.text(m.text, kLogText);
}
template<class Io>
void fields(Io& io, to_keeper::Happened& m) {
  io.enumerated(m.event.kind, EventKind::roamed);
  io.enumerated(m.event.level, Level::debug);
  io.text(m.event.text, kLogText);
  io.text(m.event.peer, kEventField);
  io.text(m.event.endpoint, kEventField);
  auto errnum = static_cast<std::uint32_t>(m.event.errnum);
  io.limited(errnum, 4095u);
  m.event.errnum = static_cast<int>(errnum);
}
template<class Io>
void fields(Io& io, engine::Traffic& t) {
  io.number(t.packets);
  io.number(t.bytes);
}
template<class Io>
void fields(Io& io, engine::Counters& c) {
  fields(io, c.received);
  fields(io, c.sent);
  for (auto& n : c.drops) io.number(n);
  io.number(c.records_sent);
  io.number(c.records_received);
  io.number(c.handshakes);
  io.number(c.reconnects);
  io.number(c.rekeys);
  io.number(c.handed_over);
}
template<class Io>
void fields(Io& io, to_keeper::ReportHead& m) {
  io.boolean(m.report.server);
  io.enumerated(m.report.state, ClientState::blocked);
  io.duration(m.report.in_state);
  fields(io, m.report.counters);
  io.number(m.report.half_open);
  io.number(m.report.draining);
  io.limited(m.rows, 1u << 20);
  io.text(m.congestion, 16);
}
template<class Io>
void fields(Io& io, engine::PeerReport& r) {
  io.text(r.name, 64);
  io.address(r.endpoint.address);
  io.number(r.endpoint.port);
  io.address(r.inner_v4);
  io.address(r.inner_v6);
  fields(io, r.received);
  fields(io, r.sent);
  io.duration(r.age);
  io.duration(r.rtt);
  io.duration(r.rtt_min);
  io.duration(r.next_rekey);
  io.number(r.queue_drops);
  io.cipher(r.cipher);
  io.limited(r.worker, engine::kMostWorkers - 1);
}
// As many as are said, in a message of always the same size.
template<class Io, class T>
void list(Io& io, std::vector<T>& values, std::size_t most, void (*each)(Io&, T&)) {
  auto count = static_cast<std::uint32_t>(std::min(values.size(), most));
  io.limited(count, static_cast<std::uint32_t>(most));
  values.resize(count);
  values.resize(most);
  for (T& value : values) each(io, value);
  values.resize(count);
}
template<class Io>
void fields(Io& io, to_keeper::ReportRows& m) {
  list<Io, engine::PeerReport>(io, m.rows, kPeersAMessage,
                               [](Io& i, auto& row) { fields(i, row); });
}
template<class Io>
void fields(Io& io, engine::Ended& m) {
  io.exit_code(m.code);
  io.text(m.line, kLogText);
  io.text(m.remedy, kLogText);
}
template<class Io>
void fields(Io&, to_keeper::Stopped&) {}
template<class Io>
void fields(Io& io, engine::AskResolver& m) {
  io.number(m.round);
  io.limited(m.resolver, engine::kMostResolvers - 1);
}
template<class Io>
void fields(Io& io, engine::UseAddresses& m) {
  list<Io, Address>(io, m.addresses, kMostAddresses, [](Io& i, Address& a) { i.address(a); });
}

template<class Variant>
Message encode_any(Variant message) {
  MessageWriter out;
  out.kind(static_cast<std::uint8_t>(message.index()));
  std::visit([&out](auto& m) { fields(out, m); }, message);
  return out.take();
}

template<class Variant, std::size_t I = 0>
std::optional<Variant> decode_any(std::size_t kind, MessageReader& in) {
  if constexpr (I == std::variant_size_v<Variant>) {
    return std::nullopt;
  } else {
    if (kind != I) return decode_any<Variant, I + 1>(kind, in);
    std::variant_alternative_t<I, Variant> m;
    fields(in, m);
    if (!in.finished()) return std::nullopt;
    return Variant(std::in_place_index<I>, std::move(m));
  }
}

}  // namespace

Message encode(const ToEngine& m) {
  return encode_any(m);
}
Message encode(const ToKeeper& m) {
  return encode_any(m);
}

std::optional<ToEngine> decode_to_engine(Bytes in) {
  if (in.empty() || in.size() > kMaxMessage) return std::nullopt;
  MessageReader reader(in.subspan(1));
  return decode_any<ToEngine>(in[0], reader);
}

std::optional<ToKeeper> decode_to_keeper(Bytes in) {
  if (in.empty() || in.size() > kMaxMessage) return std::nullopt;
  MessageReader reader(in.subspan(1));
  return decode_any<ToKeeper>(in[0], reader);
}

}  // namespace vpnd::plan
