// SPDX-License-Identifier: ISC
#pragma once

// A process at the client that downloads from the target without end and asks it for echoes, and
// what it measured. Other work of the demo does not disturb its clock.

#include <memory>

#include "linux/demo_bed.h"
#include "linux/demo_child.h"
#include "linux/demo_story.h"
#include "linux/fd.h"

namespace vpnd::demo {

class Sampler {
 public:
  static constexpr std::chrono::milliseconds kSlice{50};  // and an echo is asked for in each

  explicit Sampler(const Bed&);  // begins. Throws Error

  microseconds now() const noexcept;  // since it began
  const Traffic& look();              // all there is up to now
  // When something came that began to come after `moment`; nullopt: not yet.
  std::optional<microseconds> next_arrival(microseconds moment);
  // When the first answer came to a question that was sent after `moment`.
  std::optional<microseconds> next_answer(microseconds moment);
  // Bits per second between two moments.
  double rate(microseconds from, microseconds to);
  void stop();

 private:
  Fd pipe_;
  std::chrono::steady_clock::time_point start_;
  std::unique_ptr<Child> child_;
  Traffic traffic_;
};

}  // namespace vpnd::demo
