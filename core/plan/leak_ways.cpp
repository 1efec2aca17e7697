// SPDX-License-Identifier: ISC
// Which ways out are tried, and what is sent by them.

#include <fmt/format.h>

#include <algorithm>

#include "core/plan/leak.h"

namespace vpnd::plan {
namespace {

constexpr std::uint16_t kDns = 53, kDnsOverTls = 853, kHttps = 443;
constexpr std::uint16_t kHighPorts = 49152;  // RFC 6335, 6: nobody's

bool among(const std::vector<Prefix>& prefixes, const Address& a) noexcept {
  return std::ranges::any_of(prefixes, [&a](const Prefix& p) { return p.contains(a); });
}

bool loopback(const Address& a) {
  return Prefix{Address::v4(127, 0, 0, 0), 8}.contains(a) || a.text() == "::1";
}

// The n-th host of a network, of the lowest 254 of them; the network itself where it has but one.
Address host_in(const Prefix& network, std::uint32_t n) noexcept {
  const unsigned free = unsigned{network.address.bits()} - network.length;
  const Address base = network.masked().address;
  if (free == 0) return base;
  // Neither the first nor the last where there is a choice.
  const std::uint32_t hosts = free == 1 ? 2 : (1u << std::min(free, 8u)) - 2;
  const std::uint32_t host = free == 1 ? n % 2 : 1 + n % hosts;
  ByteArray<16> bytes{};
  std::ranges::copy(base.bytes(), bytes.begin());
  bytes[base.bytes().size() - 1] = static_cast<std::uint8_t>(bytes[base.bytes().size() - 1] | host);
  return base.is_v4() ? Address::v4(Bytes(bytes).first(4)) : Address::v6(bytes);
}

class Ways {
 public:
  Ways(const Terrain& terrain, const Dice& dice, std::vector<std::string>& left_out)
      : t_(terrain), dice_(dice), left_out_(left_out) {}

  std::vector<Way> run() {
    for (const Terrain::Resolver& r : t_.resolvers) look_ups(r);
    for (const Family family : {Family::v4, Family::v6}) anywhere(family);
    for (const Endpoint& e : t_.servers) server(e);
    if (out_.size() > kMostWaysOut) {
      left_out_.push_back(
          fmt::format("{} more ways of the same kinds", out_.size() - kMostWaysOut));
      out_.resize(kMostWaysOut);
    }
    return std::move(out_);
  }

 private:
  bool usable(Family family) const noexcept { return family == Family::v4 || t_.v6; }

  // Only then is it wrong that a resolver of this host asks past the tunnel.
  bool takes_all() const noexcept {
    return std::ranges::any_of(t_.into_tunnel, [](const Prefix& p) { return p.length == 0; });
  }

  void look_ups(const Terrain::Resolver& r) {
    if (!usable(r.address.family())) return;
    if (loopback(r.address) ? !takes_all() : !among(t_.into_tunnel, r.address)) {
      left_out_.push_back(fmt::format("look-ups at {}: not for the tunnel", r.address.text()));
      return;
    }
    Way way{Way::What::look_up, false, {r.address, kDns}, {}, {}, r.device, false, r.known_from};
    const auto both = [&] {
      for (const bool tcp : {false, true}) {
        way.tcp = tcp;
        out_.push_back(way);
      }
    };
    both();
    if (loopback(r.address)) return;
    for (const Terrain::Uplink& uplink : t_.uplinks) {
      way.device = uplink.device;
      both();
    }
    way.device.clear();
    way.what = Way::What::tls_look_up;
    way.to.port = kDnsOverTls;
    out_.push_back(way);
  }

  // What nobody is, so that nobody is bothered; none when the tunnel takes nothing of the family.
  std::optional<Prefix> nowhere(Family family) const {
    std::vector<Prefix> candidates;
    if (family == Family::v4) {
      for (const char* text : {"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"}) {
        candidates.push_back(*Prefix::parse(text));
      }
    } else {
      const std::uint32_t n = dice_.number;
      candidates.push_back(
          *Prefix::parse(fmt::format("2001:db8:{:x}:{:x}::/64", 0x8000 | (n >> 16), n & 0xffff)));
    }
    for (const Prefix& p : t_.into_tunnel) {
      if (p.length > 0 && p.address.family() == family) candidates.push_back(p);
    }
    for (const Prefix& p : candidates) {
      const auto meets = [&p](const Prefix& o) { return o.contains(p) || p.contains(o); };
      const auto holds = [&p](const Prefix& o) { return o.contains(p); };
      if (std::ranges::none_of(t_.into_tunnel, holds)) continue;
      if (std::ranges::any_of(t_.local, meets)) continue;
      if (std::ranges::any_of(t_.servers, [&](auto& e) { return p.contains(e.address); })) continue;
      return p;
    }
    return std::nullopt;
  }

  void anywhere(Family family) {
    if (!usable(family)) return;
    const auto network = nowhere(family);
    if (!network) {
      left_out_.push_back(
          fmt::format("IPv{} beyond resolvers and server: nothing of it is for the "
                      "tunnel",
                      family == Family::v4 ? 4 : 6));
      return;
    }
    Way way;
    send_there(*network, way);
    for (const Terrain::Uplink& uplink : t_.uplinks) {
      way.device = uplink.device;
      way.from.reset();
      send_there(*network, way);
      way.device.clear();
      for (const Address& own : uplink.addresses) {
        if (own.family() != family) continue;
        way.from = own;
        send_there(*network, way);
      }
    }
  }

  // Each to a host of its own: even a question for its neighbour tells which way it was.
  void send_there(const Prefix& network, Way way) {
    const auto high = static_cast<std::uint16_t>(kHighPorts + dice_.number % 16384);
    for (const std::uint16_t port : {kHttps, high}) {
      for (const bool tcp : {false, true}) {
        const auto n = dice_.number + static_cast<std::uint32_t>(out_.size());
        way.tcp = tcp;
        way.to = {host_in(network, n), port};
        out_.push_back(way);
      }
    }
  }

  // Only our own traffic may reach it past the tunnel. Root and others may have different routes.
  void server(const Endpoint& e) {
    if (!usable(e.address.family())) return;
    if (among(t_.local, e.address) || !among(t_.into_tunnel, e.address)) {
      left_out_.push_back(fmt::format("the server {}: not for the tunnel", e.address.text()));
      return;
    }
    Way way;
    way.to = e;
    way.note = "the tunnel's server";
    for (const bool root : {false, true}) {
      if (root && !t_.root) continue;
      way.as_root = root;
      for (const bool tcp : {false, true}) {
        way.tcp = tcp;
        out_.push_back(way);
      }
    }
  }

  const Terrain& t_;
  const Dice& dice_;
  std::vector<std::string>& left_out_;
  std::vector<Way> out_;
};

void put_label(std::vector<std::uint8_t>& out, std::string_view label) {
  out.push_back(static_cast<std::uint8_t>(label.size()));
  out.insert(out.end(), label.begin(), label.end());
}

// One question for an IPv4 address. Under example.com (RFC 6761, 6.5): a resolver of this host must
// treat it as any other name, where it would answer for "invalid" or "test" by itself.
std::vector<std::uint8_t> dns_query(std::string_view label, std::uint16_t id) {
  std::vector<std::uint8_t> out{static_cast<std::uint8_t>(id >> 8),
                                static_cast<std::uint8_t>(id),
                                1 /* recursion desired */,
                                0,
                                0,
                                1,
                                0,
                                0,
                                0,
                                0,
                                0,
                                0};
  for (const std::string_view part :
       {label, std::string_view("example"), std::string_view("com")}) {
    put_label(out, part);
  }
  out.insert(out.end(), {0, 0, 1, 0, 1});  // the root, type A, class IN
  return out;
}

}  // namespace

Dice dice(Bytes twenty) noexcept {
  static constexpr char kAlphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
  Dice out;
  for (std::size_t i = 0; i < kTokenSize; ++i) out.token += kAlphabet[twenty[i] % 32];
  out.number = load_be32(&twenty[kTokenSize]);
  return out;
}

std::vector<Way> ways_out(const Terrain& terrain, const Dice& dice,
                          std::vector<std::string>& left_out) {
  return Ways(terrain, dice, left_out).run();
}

std::string canary_word(const Dice& dice, std::size_t way) {
  return fmt::format("{}{}{}", dice.token, static_cast<char>('a' + way / 26 % 26),
                     static_cast<char>('a' + way % 26));
}

std::vector<std::uint8_t> canary_content(const Way& way, const Dice& dice, std::size_t number) {
  const std::string word = canary_word(dice, number);
  if (way.what != Way::What::look_up) return {word.begin(), word.end()};
  auto query = dns_query(word, static_cast<std::uint16_t>(dice.number + number));
  if (way.tcp) {
    const auto size = static_cast<std::uint8_t>(query.size());
    query.insert(query.begin(), {0, size});
  }
  return query;
}

}  // namespace vpnd::plan
