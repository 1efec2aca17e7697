// SPDX-License-Identifier: ISC
#include "tests/sim/world.h"

#include <algorithm>

#include "core/wire/ip.h"

namespace vpnd::sim {

crypto::Key test_key(std::uint8_t seed) {
  ByteArray<32> raw{};
  for (std::size_t i = 0; i < raw.size(); ++i) {
    raw[i] = static_cast<std::uint8_t>(seed * 37 + i * 11 + 200);
  }
  return crypto::Key(raw);
}

engine::ServerSettings server_settings(std::uint8_t key) {
  engine::ServerSettings s;
  s.identity = wire::server_identity(wire::SharedKey{test_key(key)}, {}, "key");
  s.lease_secret = test_key(99);
  s.server_v4 = *Address::parse("192.168.192.254");
  s.pool_v4 = *Prefix::parse("192.168.192.0/24");
  s.first_lease = *Address::parse("192.168.192.1");
  s.pool_v6 = *Prefix::parse("fd12:3456:789a:1::/64");
  s.server_v6 = *Address::parse("fd12:3456:789a:1::1");
  s.kinds = wire::kKindsAll;
  return s;
}

engine::ClientSettings client_settings(std::uint8_t instance, std::uint8_t key) {
  engine::ClientSettings s;
  s.identity = wire::client_identity(wire::SharedKey{test_key(key)}, "key");
  s.instance.fill(instance);
  s.endpoints = {*Endpoint::parse("203.0.113.1:443")};
  s.kinds = wire::kKindsAll;
  return s;
}

Endpoint outside(std::uint8_t last, std::uint16_t port) {
  return {Address::v4(198, 51, 100, last), port};
}

namespace {

void fill_payload(Raw& p, std::size_t at, std::uint32_t flow, std::uint32_t number) {
  store_le32(p.data() + at, flow);
  store_le32(p.data() + at + 4, number);
  for (std::size_t i = at + 8; i < p.size(); ++i) {
    p[i] = static_cast<std::uint8_t>(number * 31 + i);
  }
}

}  // namespace

Raw make_packet(const Address& from, const Address& to, std::uint32_t flow, std::uint32_t number,
                std::size_t size) {
  Raw p(std::max<std::size_t>(size, 40));
  p[0] = 0x45;
  store_be16(p.data() + 2, static_cast<std::uint16_t>(p.size()));
  p[8] = 64;
  p[9] = 17;
  std::copy(from.bytes().begin(), from.bytes().end(), p.begin() + 12);
  std::copy(to.bytes().begin(), to.bytes().end(), p.begin() + 16);
  const auto sum = static_cast<std::uint16_t>(~wire::checksum_add(Bytes(p).first(20)));
  store_be16(p.data() + 10, sum);
  store_be16(p.data() + 24, static_cast<std::uint16_t>(p.size() - 20));
  fill_payload(p, 28, flow, number);
  return p;
}

Raw make_packet6(const Address& from, const Address& to, std::uint32_t flow, std::uint32_t number,
                 std::size_t size) {
  Raw p(std::max<std::size_t>(size, 60));
  p[0] = 0x60;
  store_be16(p.data() + 4, static_cast<std::uint16_t>(p.size() - 40));
  p[6] = 17;
  p[7] = 64;
  std::copy(from.bytes().begin(), from.bytes().end(), p.begin() + 8);
  std::copy(to.bytes().begin(), to.bytes().end(), p.begin() + 24);
  store_be16(p.data() + 44, static_cast<std::uint16_t>(p.size() - 40));
  fill_payload(p, 48, flow, number);
  return p;
}

Tagged read_packet(const Raw& p) {
  const std::size_t at = p[0] >> 4 == 4 ? 28 : 48;
  Tagged t{load_le32(p.data() + at), load_le32(p.data() + at + 4), true};
  for (std::size_t i = at + 8; i < p.size(); ++i) {
    t.intact = t.intact && p[i] == static_cast<std::uint8_t>(t.number * 31 + i);
  }
  return t;
}

std::vector<std::uint32_t> numbers_of(const std::vector<Raw>& packets, std::uint32_t flow) {
  std::vector<std::uint32_t> numbers;
  for (const Raw& p : packets) {
    const Tagged t = read_packet(p);
    if (!t.intact) return {};
    if (t.flow == flow) numbers.push_back(t.number);
  }
  return numbers;
}

bool is_up(const Host& h) {
  return h.state == engine::ClientState::up;
}

bool joined(Network& net, const Host& h) {
  if (!is_up(h) || !net.server().engine) return false;
  const auto peers = net.server_report().peers;
  return std::ranges::any_of(
      peers, [&](const auto& p) { return p.inner_v4 == h.lease.client_v4.address; });
}

wire::ClientKey PublicMode::add(const std::string& name, std::uint8_t seed,
                                std::optional<Address> address) {
  wire::ClientKey key{crypto::public_key(server.secret), server.access.clone(), test_key(seed),
                      test_key(static_cast<std::uint8_t>(seed + 1))};
  wire::PeerEntry entry;
  entry.name = name;
  entry.key = crypto::public_key(key.secret);
  entry.psk = key.psk.clone();
  entry.address = address;
  peers.push_back(std::move(entry));
  return key;
}

std::vector<wire::PeerEntry> PublicMode::list() const {
  std::vector<wire::PeerEntry> copy;
  for (const auto& p : peers) {
    wire::PeerEntry e;
    e.name = p.name;
    e.key = p.key;
    e.psk = p.psk.clone();
    e.address = p.address;
    copy.push_back(std::move(e));
  }
  return copy;
}

engine::ServerSettings PublicMode::settings() const {
  engine::ServerSettings s = server_settings();
  s.identity = wire::server_identity(wire::ServerKey{server.secret.clone(), server.access.clone()},
                                     list(), "key");
  return s;
}

engine::ClientSettings client_with(wire::ClientKey&& key) {
  engine::ClientSettings s = client_settings(1);
  s.identity = wire::client_identity(std::move(key), "key");
  return s;
}

}  // namespace vpnd::sim
