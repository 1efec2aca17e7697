// SPDX-License-Identifier: ISC
#include "core/engine/tun_batch.h"

#include <algorithm>

#include "core/wire/layout.h"
#include "core/wire/pool.h"

namespace vpnd::engine {
namespace {

constexpr std::uint32_t kNone = ~0u;
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kFin = 0x01, kPush = 0x08, kAck = 0x10, kCwr = 0x80;
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

}  // namespace

// A whole TCP segment with payload that may be gathered: its checksums are good, for what is
// gathered gets new ones.
struct TunBatch::Segment {
  MutBytes packet;
  std::uint16_t transport, header_end, payload;
  bool v4;

  static std::optional<Segment> of(MutBytes packet, const wire::IpInfo& ip) noexcept {
    const auto l = wire::layout(ip, packet);
    if (!l || !l->plain_v6 || l->payload == 0) return std::nullopt;
    if (l->v4 && l->transport != 20) return std::nullopt;  // options are for each packet
    const std::uint8_t flags = packet[l->transport + 13u];
    if ((flags & kAck) == 0 || (flags & ~(kAck | kPush | kFin | kCwr)) != 0) return std::nullopt;
    const std::size_t size = packet.size() - l->transport;
    if (wire::checksum_add(packet.subspan(l->transport), wire::pseudo_sum(packet, *l, size)) !=
        0xffff) {
      return std::nullopt;
    }
    if (l->v4 && wire::checksum_add(packet.first(20)) != 0xffff) return std::nullopt;
    return Segment{packet, l->transport, l->header_end, static_cast<std::uint16_t>(l->payload),
                   l->v4};
  }
  const std::uint8_t* tcp() const noexcept { return &packet[transport]; }
  std::uint32_t sequence() const noexcept { return load_be32(tcp() + 4); }
  std::uint8_t flags() const noexcept { return tcp()[13]; }
  bool last(std::uint16_t segment_size) const noexcept {
    return payload < segment_size || (flags() & (kPush | kFin)) != 0;
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
  open_[at] = {packet, kNone, s.sequence() + s.payload, s.transport, s.payload, s.packet.size()};
}

bool TunBatch::join(Open& o, const Segment& s) noexcept {
  TunPacket& p = packets_[o.packet];
  const MutBytes head = p.packet;
  const bool fits = s.payload <= o.payload && s.sequence() == o.next_sequence &&
                    p.pieces < kMostPieces && o.size + s.payload <= wire::kMaxIpPacket;
  const std::size_t tcp = o.transport;
  // Acknowledgement, header length, window and options; of the flags, only an end may be new.
  const bool alike = same_ip(head, s.packet) && same(head, s.packet, tcp + 8, tcp + 13) &&
                     (s.flags() & kCwr) == 0 && same(head, s.packet, tcp + 14, tcp + 16) &&
                     same(head, s.packet, tcp + kTcpHeader, s.header_end);
  if (!fits || !alike) return false;
  o.size += s.payload;
  o.next_sequence += s.payload;
  ++p.pieces;
  const auto piece = static_cast<std::uint32_t>(pieces_.size());
  pieces_.push_back({s.packet.subspan(s.header_end), kNone});
  (o.last_piece == kNone ? p.more : pieces_[o.last_piece].next) = piece;
  o.last_piece = piece;
  head[tcp + 13] = static_cast<std::uint8_t>(head[tcp + 13] | (s.flags() & (kPush | kFin)));
  wire::start_super_packet(head, o.transport, o.size, o.payload, p.vnet);
  if (s.last(o.payload)) close(&o);
  return true;
}

void TunBatch::add_plain(MutBytes packet, const wire::IpInfo& ip, std::uint16_t kinds) noexcept {
  const auto kind = ip.source.is_v4() ? wire::Kind::tso4 : wire::Kind::tso6;
  if (ip.protocol != kTcp || (kinds & wire::kind_bit(kind)) == 0) {
    return add({{}, packet});
  }
  if (packet.size() < ip.transport_offset + kTcpHeader) return add({{}, packet});
  Open* o = find(packet, ip);
  const auto segment = Segment::of(packet, ip);
  if (o != nullptr && segment && join(*o, *segment)) return;
  close(o);  // whatever this is, what comes later may not overtake it
  const auto index = static_cast<std::uint32_t>(packets_.size());
  add({{}, packet});
  if (segment) open(*segment, index);
}

}  // namespace vpnd::engine
