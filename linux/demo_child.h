// SPDX-License-Identifier: ISC
#pragma once

// A process of the demo: the real server, the real client, the target's service.

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "linux/demo_bed.h"

namespace vpnd::demo {

class Child {
 public:
  // Runs `work` at that place; what it returns is the exit status. Its messages go to the file
  // `log`, or where ours go when that is empty. It dies with the calling process.
  Child(const Bed&, Place, const std::string& log, const std::function<int()>& work);
  ~Child();  // killed if it still runs
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const noexcept { return pid_; }
  // The exit status, or 128 and the signal, once it ended. nullopt: not within that time.
  std::optional<int> wait(std::chrono::milliseconds how_long);
  // Asks it to stop.
  std::optional<int> stop(std::chrono::milliseconds how_long);
  std::string last_lines() const;  // of its log

 private:
  pid_t pid_ = -1;
  std::optional<int> status_;
  std::string log_;
};

}  // namespace vpnd::demo
