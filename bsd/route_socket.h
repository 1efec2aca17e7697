// SPDX-License-Identifier: ISC
#pragma once

// Routes asked for and changed. All that we make wears kRtfOurs, and only what wears it is ever
// changed or removed.

#include <optional>
#include <string>
#include <vector>

#include "bsd/objects.h"
#include "bsd/system.h"

namespace vpnd::bsd {

class RouteSocket {
 public:
  RouteSocket(System& system, const Traits& traits) noexcept : system_(system), traits_(traits) {}

  // The route itself, with ours in place of another of ours. nullopt: done. Otherwise the errno;
  // EEXIST: it is somebody else's.
  std::optional<int> make(const Route&);
  // Gone is gone, whoever did it. The errno if it is still there.
  std::optional<int> remove(const Prefix&);

  // Exactly that one. Throws Error where the kernel does not answer.
  std::optional<RouteMessage> find(const Prefix&);
  // By which packets to that address go now.
  std::optional<RouteMessage> way(const Address&);
  bool present(const Route&);
  // All of ours, whoever of us made them.
  std::vector<Prefix> ours();

 private:
  std::optional<RouteMessage> ask(RouteMessage question);
  std::optional<RouteMessage> answer(std::uint32_t seq, Family family);
  int say(std::uint8_t type, const Route&);
  bool reachable(const Hop&);

  System& system_;
  const Traits& traits_;
  std::uint32_t seq_ = 0;
};

}  // namespace vpnd::bsd
