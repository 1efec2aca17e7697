// SPDX-License-Identifier: ISC
#pragma once

// Known bytes between a client and the target, each of them checked where it arrives.

#include <cstdint>
#include <string>

#include "core/base/addr.h"
#include "tests/support/netns.h"

namespace vpnd::test {

struct Course {
  const Namespace& client;
  const Namespace& target;
  Address to;  // the target's
};
struct Amount {
  std::uint64_t up = 0, down = 0;  // bytes to the target, bytes from it
};

// One TCP connection that the client opens, both ways at the same time. Empty: all of it arrived,
// as it was sent, and nothing else. Otherwise what went wrong, and where.
std::string carry_stream(const Course&, const Amount&, std::uint64_t seed);

// Datagrams of so much payload, given to the kernel in pieces of many (UDP_SEGMENT); each piece
// waits until all of the one before arrived, in order.
std::string carry_datagrams(const Course&, const Amount&, std::size_t payload, std::uint64_t seed);

}  // namespace vpnd::test
