// SPDX-License-Identifier: ISC
#pragma once

// At most one deadline for each of many small dense keys (indices of connections): a binary heap
// that knows where each key stands, so that thousands of waiting connections cost O(log n) a change
// and nothing otherwise.

#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/time.h"

namespace vpnd::engine {

class Deadlines {
 public:
  void set(std::uint32_t key, TimePoint at);  // replaces; kNever removes
  void remove(std::uint32_t key) noexcept;
  // Moves it forward only: one that fires too early is looked at again by its owner.
  void no_later_than(std::uint32_t key, TimePoint at) {
    if (at < this->at(key)) set(key, at);
  }
  TimePoint at(std::uint32_t key) const noexcept;  // kNever: none
  TimePoint next() const noexcept { return heap_.empty() ? kNever : heap_.front().at; }
  std::optional<std::uint32_t> pop_due(TimePoint now) noexcept;
  std::size_t size() const noexcept { return heap_.size(); }

 private:
  struct Entry {
    TimePoint at;
    std::uint32_t key;
  };
  static constexpr std::uint32_t kNowhere = ~0u;
  void place(std::size_t i, Entry e) noexcept;
  void sift(std::size_t i) noexcept;

  std::vector<Entry> heap_;
  std::vector<std::uint32_t> where_;
};

}  // namespace vpnd::engine
