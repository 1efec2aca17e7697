// SPDX-License-Identifier: ISC
#pragma once

// A small TCP service for the target, and what the client's side asks of it.

#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "core/base/addr.h"

namespace vpnd::demo {

inline constexpr std::uint16_t kServicePort = 8080;

// Serves one connection after the other, v4 and v6, until it is killed. In the current network
// namespace. Throws Error.
[[noreturn]] void serve();

// Called now and then while a measurement runs.
using Tick = std::function<void()>;

// Address under which the service sees us. Throws Error if nothing answers within some seconds.
Address ask_who_am_i(const Address& target, const Tick&);

struct RoundTrips {
  std::chrono::microseconds median{}, worst{};
};
RoundTrips measure_round_trips(const Address& target, unsigned count, const Tick&);

// Bits per second that came from the target, a value for each quarter of a second.
std::vector<double> measure_download(const Address& target, std::chrono::milliseconds how_long,
                                     const Tick&);

// One UDP datagram to the target; no answer is expected.
void send_datagram(const Address& target);

}  // namespace vpnd::demo
