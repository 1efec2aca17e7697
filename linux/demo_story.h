// SPDX-License-Identifier: ISC
#pragma once

// What a demo saw, as plain data: what demo_page.h makes a page of.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vpnd::demo {

using std::chrono::microseconds;

// Microseconds since the traffic began, in all of this.
struct Slice {
  microseconds end{};
  microseconds length{};
  std::uint64_t bytes = 0;  // that the client received meanwhile
  microseconds first{};     // when the first of them came; without any: the end
};

struct Echo {
  microseconds sent{};
  std::optional<microseconds> took;  // nullopt: no answer came
};

struct Traffic {
  std::vector<Slice> slices;  // in order of time
  std::vector<Echo> echoes;   // in order of sending
  unsigned connections = 0;   // TCP connections that it took
};

// The moments that a chart marks. Each is there if it came to it, and then so are those before it.
struct Moments {
  std::optional<microseconds> unplugged, plugged, killed, started_again;
};

struct Proof {
  bool held = false;
  std::string what, figures;
};

struct Wire {
  std::uint64_t tunnel = 0, neighbours = 0, clear = 0, lost = 0;
  std::uint64_t probes_sent = 0, probes_seen = 0;  // in clear, before there was a tunnel
};

// What a namespace holds, in words for people; the same thing has the same words at all times.
enum class Kind : std::uint8_t { link, address, rule, route, table, setting };
struct Item {
  Kind kind{};
  std::string text;
  friend auto operator<=>(const Item&, const Item&) = default;
};
using View = std::vector<Item>;  // sorted

struct Host {
  std::string name;
  View before, during, after;
};

struct Setting {
  std::string what, value;  // "kernel", "Linux 6.1.0"
};

struct Story {
  bool held = false;           // all of it
  std::vector<Setting> about;  // versions, date, machine
  std::vector<Proof> proofs;
  Traffic traffic;
  Moments moments;
  Wire wire;
  std::vector<Host> hosts;
  std::size_t left_behind = 0;  // changes, by the whole comparison of all four hosts
};

}  // namespace vpnd::demo
