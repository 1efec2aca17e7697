// SPDX-License-Identifier: ISC
#pragma once

// A client's host as the leak check finds it, and the ways that it tries there.

#include "core/plan/leak.h"
#include "tests/support/plans.h"

namespace vpnd::test {

inline plan::Terrain terrain() {
  plan::Terrain t;
  t.resolvers = {{address("127.0.0.53"), {}, "resolver file"},
                 {address("10.0.0.1"), {}, "gateway"},
                 {address("fe80::1"), "eth0", "gateway"}};
  t.uplinks = {{"eth0", {address("10.0.0.2"), address("fd00::2")}}};
  t.servers = {Endpoint::parse("203.0.113.2:443").value()};
  t.into_tunnel = {*Prefix::parse("0.0.0.0/0"), *Prefix::parse("::/0")};
  t.local = {*Prefix::parse("10.0.0.0/24")};
  return t;
}

inline plan::Dice some_dice() {
  ByteArray<20> random{};
  for (std::size_t i = 0; i < random.size(); ++i) {
    random[i] = static_cast<std::uint8_t>(i * 37 + 5);
  }
  return plan::dice(random);
}

inline std::vector<plan::Way> ways(const plan::Terrain& t,
                                   std::vector<std::string>* left_out = nullptr) {
  std::vector<std::string> ignored;
  return plan::ways_out(t, some_dice(), left_out != nullptr ? *left_out : ignored);
}

}  // namespace vpnd::test
