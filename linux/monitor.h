// SPDX-License-Identifier: ISC
#pragma once

// What the kernel tells of changes to links, addresses, routes, rules and nftables. Every event is
// only a hint that something may be different: whoever hears it looks for himself. Sources:
// linux/rtnetlink.h, linux/netfilter/nf_tables.h.

#include <poll.h>

#include <memory>
#include <string>
#include <vector>

#include "linux/fd.h"

namespace vpnd::nl {

struct Hints {
  bool ours = false;      // something that we have made may be gone
  bool networks = false;  // links, addresses or the routes of others are not what they were
  // Who removed something of ours, where the kernel says so: "process 4711 (ip)".
  std::string by;
};

class Monitor {
 public:
  // Of the calling thread's network namespace. Throws Error.
  explicit Monitor(std::string interface);
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;
  ~Monitor();

  void watch(std::vector<pollfd>&) const;
  // Everything that waits, without blocking. Events that were lost hint at everything.
  Hints read();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace vpnd::nl
