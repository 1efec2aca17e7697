// SPDX-License-Identifier: ISC
#pragma once

// What most simulations start from: a mode-S key, settings for both sides, and packets that say
// which flow they belong to and the how-manieth they are.

#include <optional>

#include "tests/sim/network.h"

namespace vpnd::sim {

inline constexpr std::uint8_t kKeyByte = 7;
crypto::Key test_key(std::uint8_t seed);
engine::ServerSettings server_settings(std::uint8_t key = kKeyByte);
engine::ClientSettings client_settings(std::uint8_t instance, std::uint8_t key = kKeyByte);
Endpoint outside(std::uint8_t last, std::uint16_t port = 40000);

// An IPv4 UDP packet of `size` bytes, at least 40.
Raw make_packet(const Address& from, const Address& to, std::uint32_t flow, std::uint32_t number,
                std::size_t size);
Raw make_packet6(const Address& from, const Address& to, std::uint32_t flow, std::uint32_t number,
                 std::size_t size);
struct Tagged {
  std::uint32_t flow = 0, number = 0;
  bool intact = false;
};
Tagged read_packet(const Raw&);
// The packets of one flow, in the order of arrival; empty when one is damaged.
std::vector<std::uint32_t> numbers_of(const std::vector<Raw>&, std::uint32_t flow);

bool is_up(const Host&);
// Both sides agree that it is up: the client's confirmation has reached the server.
bool joined(Network&, const Host&);

// A server with a key of its own, and clients that have one each.
struct PublicMode {
  wire::ServerKey server{test_key(40), test_key(41)};
  std::vector<wire::PeerEntry> peers;

  wire::ClientKey add(const std::string& name, std::uint8_t seed,
                      std::optional<Address> address = {});
  std::vector<wire::PeerEntry> list() const;
  engine::ServerSettings settings() const;
};
engine::ClientSettings client_with(wire::ClientKey&&);

}  // namespace vpnd::sim
