// SPDX-License-Identifier: ISC
#pragma once

// Connections that have not authenticated. They are kept few, and a newcomer is let in at the cost
// of a random one that has not passed the gate, so that those who only sit there compete with each
// other. Those known to be bad are among them: were they kept apart, the number at which the first
// of many is closed would tell a prober how the server took what he sent. Connections are named by
// index.

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "core/base/entropy.h"
#include "core/engine/source.h"

namespace vpnd::engine {

class HalfOpen {
 public:
  HalfOpen(std::size_t capacity, std::size_t per_source, const Entropy&);

  // Who must go so that a connection of this source may come. nullopt: it may not come, since all
  // others have passed the gate.
  struct Place {
    std::optional<std::uint32_t> evict;
  };
  std::optional<Place> place(const Source&, const Entropy&) const;
  void add(std::uint32_t conn, const Source&);
  void pass(std::uint32_t conn);  // the gate: it will not be evicted any more
  void fail(std::uint32_t conn);  // known to be bad: it may be evicted, passed or not
  void remove(std::uint32_t conn);
  bool contains(std::uint32_t conn) const noexcept;
  std::size_t size() const noexcept { return waiting_.size() + passed_; }

 private:
  struct Waiting {
    Source source;
    std::uint32_t conn;
  };
  struct Where {
    Source source;
    std::uint32_t index = 0;  // into waiting_, or kPassed
    bool known = false;
  };
  static constexpr std::uint32_t kPassed = ~0u;
  std::optional<std::uint32_t> random_of(const Source&, const Entropy&) const;
  void wait(Where&, std::uint32_t conn);
  void leave_waiting(Where&);

  std::size_t capacity_, per_source_;
  std::size_t passed_ = 0;
  std::vector<Waiting> waiting_;  // dense, for a uniform draw
  std::vector<Where> where_;      // by connection
  std::unordered_map<Source, std::uint32_t, SourceHash> counts_;
};

}  // namespace vpnd::engine
