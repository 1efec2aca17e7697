// SPDX-License-Identifier: ISC
#pragma once

// The forked half of resolver_bus.h. It says "PID MODE" of systemd-resolved (MODE: its property
// ResolvConfMode, may be empty), waits for a byte, does its errand, and says kErrandDone; or, at
// any point, kErrandFailed and why.

#include <sys/types.h>

#include <string_view>

#include "linux/objects.h"

namespace vpnd::nl {

inline constexpr std::string_view kErrandDone = "done", kErrandFailed = "failed: ";

struct ResolverErrand {
  int link = 0;
  const DnsServers* dns = nullptr;  // none: the link is to be forgotten
};

// Returns what the process must _exit() with.
int run_resolver_errand(const ResolverErrand&, int socket, pid_t parent) noexcept;

}  // namespace vpnd::nl
