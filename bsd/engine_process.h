// SPDX-License-Identifier: ISC
#pragma once

// The process that reads packets: it takes the keys, confines itself, and runs the packet loop.

#include <sys/types.h>

#include <vector>

#include "bsd/fd.h"
#include "core/plan/config.h"
#include "core/wire/hello.h"

namespace vpnd::bsd {

// What a forked child has in its memory need not travel. Descriptors stay the keeper's.
struct EngineStart {
  const plan::Config* config = nullptr;
  const std::vector<Endpoint>* endpoints = nullptr;
  Fd socket;  // the engine's end of the channel
  int key = -1, peers = -1, lease_secret = -1;
  wire::InstanceId instance{};
  wire::CookieBytes cookie{};
  bool was_up = false;
  bool has_v6 = true;  // addresses of IPv6 are worth looking up
  std::uint16_t kinds = 1;
};

// Call it in the child; returns what the child must _exit() with, and lets no exception out.
int run_engine(EngineStart, pid_t keeper) noexcept;

}  // namespace vpnd::bsd
