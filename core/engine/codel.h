// SPDX-License-Identifier: ISC
#pragma once

// CoDel (RFC 8289): tells a standing queue from a burst by how long records waited in it.

#include <cstdint>

#include "core/base/time.h"

namespace vpnd::engine {

struct Pace {
  Duration target;    // a wait that is no queue yet
  Duration interval;  // how long it must be longer before the sender is told
};
// Of a connection whose path has this round trip. A stall of the outer TCP, which repairs a loss,
// looks like a queue of about one; half of one is bearable.
Pace pace_for(Duration round_trip) noexcept;

class Codel {
 public:
  // A record leaves that waited so long, with more behind it or not. True: tell its sender.
  bool signal(Duration waited, bool more, TimePoint now, const Pace&) noexcept;

 private:
  bool standing(Duration waited, bool more, TimePoint now, const Pace&) noexcept;

  TimePoint stands_from_ = kNever;
  TimePoint next_{};
  std::uint32_t count_ = 0, last_count_ = 0;
  bool signalling_ = false;
};

}  // namespace vpnd::engine
