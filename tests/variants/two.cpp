// SPDX-License-Identifier: ISC
// vpnd whose servers have two workers by default, whatever the host has.

#include "linux/default_queues.h"

namespace vpnd::nl {

extern const char kTestVariant[];
const char kTestVariant[] = "vpnd-test-variant: two";

std::uint32_t default_queues() noexcept {
  return 2;
}

}  // namespace vpnd::nl
