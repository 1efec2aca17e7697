// SPDX-License-Identifier: ISC
// A canary that was seen. Everything here may be any bytes: others send as well.

#include <fmt/format.h>

#include <algorithm>

#include "core/plan/leak.h"
#include "core/wire/ip.h"

namespace vpnd::plan {
namespace {

constexpr std::uint16_t kArp = 0x0806;  // IEEE 802 numbers, IANA
constexpr std::uint8_t kTcp = 6, kUdp = 17, kIcmp6 = 58;
constexpr std::uint8_t kNeighbourSolicitation = 135;  // RFC 4861, 4.3
constexpr std::size_t kVlanTag = 4;

// A link may pad a packet (RFC 894), so its own length counts. Cut short: empty.
Bytes trimmed(Bytes packet) noexcept {
  if (packet.size() < 20) return {};
  const unsigned version = packet[0] >> 4;
  if (version != 4 && (version != 6 || packet.size() < 40)) return {};
  const std::size_t size = version == 4 ? load_be16(&packet[2]) : 40u + load_be16(&packet[4]);
  return size <= packet.size() ? packet.first(size) : Bytes{};
}

struct Packet {
  wire::IpInfo ip;
  Bytes transport;
};

std::optional<Packet> parse(Bytes packet) noexcept {
  const Bytes whole = trimmed(packet);
  const auto ip = wire::parse_ip(whole);
  if (!ip) return std::nullopt;
  return Packet{*ip, whole.subspan(std::min<std::size_t>(ip->transport_offset, whole.size()))};
}

// A tag of a virtual network may stand before it.
std::optional<Packet> parse_tagged(Bytes packet) noexcept {
  if (auto plain = parse(packet)) return plain;
  return packet.size() > kVlanTag ? parse(packet.subspan(kVlanTag)) : std::nullopt;
}

bool has_ports(const Packet& p) noexcept {
  const std::uint8_t protocol = p.ip.protocol;
  return !p.ip.fragment && (protocol == kTcp || protocol == kUdp) && p.transport.size() >= 4;
}

// Whom a question for a neighbour is about (RFC 826; RFC 4861). Empty: it is none.
Bytes arp_target(std::uint16_t type, Bytes p) noexcept {
  if (type != kArp || p.size() < 8 || load_be16(&p[2]) != 0x0800 || p[5] != 4) return {};
  const std::size_t at = 8 + 2 * std::size_t{p[4]} + 4;
  return p.size() >= at + 4 ? p.subspan(at, 4) : Bytes{};
}

Bytes solicited(const std::optional<Packet>& p) noexcept {
  if (!p || p->ip.protocol != kIcmp6 || p->transport.size() < 24) return {};
  return p->transport[0] == kNeighbourSolicitation ? p->transport.subspan(8, 16) : Bytes{};
}

constexpr std::uint8_t lower(std::uint8_t c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<std::uint8_t>(c + ('a' - 'A')) : c;
}

std::optional<std::size_t> letter(std::uint8_t c) noexcept {
  const std::uint8_t small = lower(c);
  if (small < 'a' || small > 'z') return std::nullopt;
  return std::size_t{small} - 'a';
}

}  // namespace

Recogniser::Recogniser(const std::vector<Way>& ways, const Dice& dice,
                       std::vector<std::uint16_t> source_ports)
    : ways_(ways), token_(dice.token), ports_(std::move(source_ports)) {}

std::optional<std::size_t> Recogniser::look(std::uint16_t type, Bytes packet) const noexcept {
  if (const auto way = by_word(packet)) return way;
  if (const auto way = by_ports(packet)) return way;
  return by_neighbour(type, packet);
}

// Names travel in any case (and a resolver may change it on purpose).
std::optional<std::size_t> Recogniser::by_word(Bytes packet) const noexcept {
  const auto same = [](std::uint8_t a, char b) { return lower(a) == static_cast<std::uint8_t>(b); };
  const auto found = std::search(packet.begin(), packet.end(), token_.begin(), token_.end(), same);
  if (token_.empty() || packet.end() - found < static_cast<std::ptrdiff_t>(token_.size() + 2)) {
    return std::nullopt;
  }
  const auto after = found + static_cast<std::ptrdiff_t>(token_.size());
  const auto high = letter(after[0]), low = letter(after[1]);
  if (!high || !low || *high * 26 + *low >= ways_.size()) return std::nullopt;
  return *high * 26 + *low;
}

// The source port is that socket's, and only a socket of the other family, or one bound elsewhere,
// may have the same: where it goes tells which. Somebody may have translated one of the addresses,
// or the port it goes to; not all at once.
std::optional<std::size_t> Recogniser::by_ports(Bytes bytes) const noexcept {
  const auto p = parse_tagged(bytes);
  if (!p || !has_ports(*p)) return std::nullopt;
  const std::uint16_t from = load_be16(p->transport.data()), to = load_be16(&p->transport[2]);
  std::optional<std::size_t> best;
  unsigned most = 0;
  for (std::size_t i = 0; i < ways_.size() && i < ports_.size(); ++i) {
    const Way& way = ways_[i];
    if (ports_[i] != from || from == 0 || way.tcp != (p->ip.protocol == kTcp)) continue;
    const bool port = way.to.port == to, address = way.to.address == p->ip.destination;
    if (!port && !address) continue;
    const bool family = way.to.address.family() == p->ip.destination.family();
    const unsigned alike = (address ? 4u : 0u) + (port ? 2u : 0u) + (family ? 1u : 0u);
    if (alike > most) best = i;
    most = std::max(most, alike);
  }
  return best;
}

// Where nobody answers the question, nothing else will follow.
std::optional<std::size_t> Recogniser::by_neighbour(std::uint16_t type,
                                                    Bytes packet) const noexcept {
  const Bytes target = type == kArp ? arp_target(type, packet) : solicited(parse_tagged(packet));
  return target.empty() ? std::nullopt : wanted(target);
}

// Resolvers and servers may have other reasons to be asked for.
std::optional<std::size_t> Recogniser::wanted(Bytes address) const noexcept {
  for (std::size_t i = 0; i < ways_.size(); ++i) {
    const Way& way = ways_[i];
    if (way.what != Way::What::plain || !way.note.empty()) continue;
    if (std::ranges::equal(way.to.address.bytes(), address)) return i;
  }
  return std::nullopt;
}

std::string describe_packet(std::uint16_t type, Bytes packet) {
  const auto p = parse_tagged(packet);
  if (const Bytes target = arp_target(type, packet); !target.empty()) {
    return "ARP for " + Address::v4(target).text();
  }
  if (const Bytes target = solicited(p); !target.empty()) {
    return "a neighbour solicitation for " + Address::v6(target).text();
  }
  if (!p) return fmt::format("a frame of type {:04x}", type);
  if (!has_ports(*p)) {
    return fmt::format("protocol {} to {}", p->ip.protocol, p->ip.destination.text());
  }
  return fmt::format("{} to {}", p->ip.protocol == kTcp ? "TCP" : "UDP",
                     Endpoint{p->ip.destination, load_be16(&p->transport[2])}.text());
}

}  // namespace vpnd::plan
