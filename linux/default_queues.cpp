// SPDX-License-Identifier: ISC
#include "linux/default_queues.h"

#include <sched.h>

#include <thread>

#include "core/plan/config.h"

namespace vpnd::nl {
namespace {

// That this process may run on; there may be more.
std::uint32_t processors() noexcept {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return std::thread::hardware_concurrency();
  return static_cast<std::uint32_t>(CPU_COUNT(&set));
}

}  // namespace

std::uint32_t default_queues() noexcept {
  return plan::default_queues(processors());
}

}  // namespace vpnd::nl
