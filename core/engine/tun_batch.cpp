// SPDX-License-Identifier: ISC
#include "core/engine/tun_batch.h"

#include <algorithm>

#include "core/wire/layout.h"
#include "core/wire/pool.h"

namespace vpnd::engine {
namespace {

constexpr std::uint32_t kNone = ~0u;
constexpr std::uint8_t kTcp = 6, kUdp = 17;
constexpr std::uint8_t kFin = 0x01, kPush = 0x08, kAck = 0x10, kCwr = 0x80;
constexpr std::uint8_t kDontFragment = 0x40;
constexpr std::size_t kTcpHeader = 20;

bool same(Bytes a, Bytes b, std::size_t from, std::size_t until) noexcept {
  return std::equal(a.begin() + static_cast<std::ptrdiff_t>(from),
                    a.begin() + static_cast<std::ptrdiff_t>(until),
                    b.begin() + static_cast<std::ptrdiff_t>(from));
}

bool same_flow(Bytes a, Bytes b, std::size_t transport) noexcept {
  const bool v4 = a[0] >> 4 == 4;
  return same(a, b, v4 ? 12 : 8, transport) && same(a, b, transport, transport + 4);
}

// Type of service, hop limit, don't-fragment; in IPv6 the flow label too.
bool same_ip(Bytes a, Bytes b) noexcept {
  if (a[0] >> 4 == 6) return same(a, b, 0, 4) && a[7] == b[7];
  return a[1] == b[1] && a[6] == b[6] && a[8] == b[8];
}

// What a gathered packet's checksum is made of anew must be good already, or it would be mended. A
// partial one was made by the sender's kernel for its own device: nothing has been added up yet.
bool transport_sum_holds(Bytes packet, const wire::Layout& l, bool partial) noexcept {
  if (partial) return true;
  const std::size_t size = packet.size() - l.transport;
  return wire::checksum_add(packet.subspan(l.transport), wire::pseudo_sum(packet, l, size)) ==
         0xffff;
}

}  // namespace

// A whole TCP segment or UDP datagram with payload that may be gathered.
struct TunBatch::Segment {
  MutBytes packet;
  std::uint16_t transport, header_end, payload;
  bool v4, tcp;

  static std::optional<Segment> of(MutBytes packet, const wire::IpInfo& ip, bool partial) noexcept {
    const auto l = wire::layout(ip, packet);
    if (!l || !l->plain_v6 || l->payload == 0) return std::nullopt;
    if (l->v4 && l->transport != 20) return std::nullopt;  // options are for each packet
    if (l->tcp) {
      const std::uint8_t flags = packet[l->transport + 13u];
      if ((flags & kAck) == 0 || (flags & ~(kAck | kPush | kFin | kCwr)) != 0) return std::nullopt;
    }
    if (l->v4 && wire::checksum_add(packet.first(20)) != 0xffff) return std::nullopt;
    if (!transport_sum_holds(packet, *l, partial)) return std::nullopt;
    return Segment{packet, l->transport, l->header_end, static_cast<std::uint16_t>(l->payload),
                   l->v4,  l->tcp};
  }
  // By what it follows another: the sequence number. A datagram has none, but an identification
  // that counts up where it may be cut on its way (RFC 6864); the kernel counts it up as well.
  std::uint32_t place() const noexcept {
    if (tcp) return load_be32(&packet[transport + 4u]);
    return v4 && (packet[6] & kDontFragment) == 0 ? load_be16(&packet[4]) : 0;
  }
  std::uint32_t place_behind() const noexcept {
    if (tcp) return place() + payload;
    return v4 && (packet[6] & kDontFragment) == 0 ? (place() + 1) & 0xffff : 0;
  }
  std::uint8_t flags() const noexcept { return tcp ? packet[transport + 13u] : std::uint8_t{0}; }
  bool last(std::uint16_t segment_size) const noexcept {
    return payload < segment_size || (flags() & (kPush | kFin)) != 0;
  }
  // Acknowledgement, header length, window and options; of the flags, only an end may be new.
  bool same_tcp(Bytes head) const noexcept {
    return same(head, packet, transport + 8u, transport + 13u) && (flags() & kCwr) == 0 &&
           same(head, packet, transport + 14u, transport + 16u) &&
           same(head, packet, transport + kTcpHeader, header_end);
  }
};

TunBatch::TunBatch() {
  packets_.reserve(kCapacity);
  pieces_.reserve(kCapacity);
}

void TunBatch::clear() noexcept {
  packets_.clear();
  pieces_.clear();
  opened_ = oldest_ = 0;
}

TunBatch::Open* TunBatch::find(Bytes packet, const wire::IpInfo& ip) noexcept {
  for (std::size_t i = 0; i < opened_; ++i) {
    Open& o = open_[i];
    if (o.packet == kNone || o.transport != ip.transport_offset) continue;
    if (o.tcp != (ip.protocol == kTcp)) continue;
    if (same_flow(packets_[o.packet].packet, packet, o.transport)) return &o;
  }
  return nullptr;
}

void TunBatch::close(Open* o) noexcept {
  if (o != nullptr) o->packet = kNone;
}

void TunBatch::open(const Segment& s, std::uint32_t packet) noexcept {
  if (s.last(s.payload)) return;
  const std::size_t at = opened_ < kMostOpen ? opened_++ : oldest_++ % kMostOpen;
  open_[at] = {packet, kNone, s.place_behind(), s.transport, s.payload, s.tcp, s.packet.size()};
}

bool TunBatch::join(Open& o, const Segment& s) noexcept {
  TunPacket& p = packets_[o.packet];
  const MutBytes head = p.packet;
  const bool fits = s.payload <= o.payload && s.place() == o.next_place && p.pieces < kMostPieces &&
                    o.size + s.payload <= wire::kMaxIpPacket;
  if (!fits || !same_ip(head, s.packet) || (s.tcp && !s.same_tcp(head))) return false;
  o.size += s.payload;
  o.next_place = s.place_behind();
  ++p.pieces;
  const auto piece = static_cast<std::uint32_t>(pieces_.size());
  pieces_.push_back({s.packet.subspan(s.header_end), kNone});
  (o.last_piece == kNone ? p.more : pieces_[o.last_piece].next) = piece;
  o.last_piece = piece;
  if (s.tcp) {
    std::uint8_t& flags = head[o.transport + 13u];
    flags = static_cast<std::uint8_t>(flags | (s.flags() & (kPush | kFin)));
  }
  wire::start_super_packet(head, o.transport, o.size, o.payload, s.tcp, p.vnet);
  if (s.last(o.payload)) close(&o);
  return true;
}

void TunBatch::add_alone(const TunPacket& p, const wire::IpInfo& ip) noexcept {
  if (p.packet.size() >= ip.transport_offset + 4u) close(find(p.packet, ip));
  add(p);
}

void TunBatch::add_single(const TunPacket& p, const wire::IpInfo& ip,
                          std::uint16_t kinds) noexcept {
  const bool tcp = ip.protocol == kTcp;
  const auto kind = !tcp                ? wire::Kind::uso
                    : ip.source.is_v4() ? wire::Kind::tso4
                                        : wire::Kind::tso6;
  const bool taken = (tcp || ip.protocol == kUdp) && (kinds & wire::kind_bit(kind)) != 0;
  if (!taken || p.packet.size() < ip.transport_offset + 8u) return add(p);
  Open* o = find(p.packet, ip);
  const auto segment = Segment::of(p.packet, ip, p.vnet.flags != 0);
  if (o != nullptr && segment && join(*o, *segment)) return;
  close(o);  // whatever this is, what comes later may not overtake it
  const auto index = static_cast<std::uint32_t>(packets_.size());
  add(p);
  if (segment) open(*segment, index);
}

}  // namespace vpnd::engine
