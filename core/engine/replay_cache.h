// SPDX-License-Identifier: ISC
#pragma once

// Which openings may still be answered: the accepted window of their times, and those seen in it.
// security notes in core/wire/PROTOCOL.md, "Clock". Only openings that passed the gate come here,
// so an outsider cannot fill it.

#include <cstddef>
#include <queue>
#include <unordered_set>
#include <vector>

#include "core/base/drop.h"
#include "core/base/entropy.h"
#include "core/base/time.h"

namespace vpnd::engine {

class ReplayCache {
 public:
  static constexpr std::size_t kEntries = 65536;
  ReplayCache(Now start, const Entropy&, std::size_t entries = kEntries);

  // none, and from now on it is known; bad_time; or replayed. `time` is the opening's own.
  [[nodiscard]] Drop accept(std::uint64_t nonce_id, WallMs time, Now);
  // The oldest time that is accepted now.
  WallMs oldest(Now);
  std::size_t size() const noexcept { return seen_.size(); }

 private:
  struct Entry {
    WallMs time;
    std::uint64_t id;
    friend auto operator<=>(const Entry&, const Entry&) noexcept = default;
  };
  struct IdHash {
    std::uint64_t seed;
    std::size_t operator()(std::uint64_t id) const noexcept;
  };
  void follow_clock(Now);
  void forget_oldest();

  std::size_t max_;
  Now last_;
  WallMs floor_;  // nothing below: start of the server, or what had to be forgotten
  std::unordered_set<std::uint64_t, IdHash> seen_;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> by_time_;
};

}  // namespace vpnd::engine
