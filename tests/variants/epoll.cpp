// SPDX-License-Identifier: ISC
// vpnd as where io_uring is refused, in many containers.

#include "linux/loop_choice.h"

namespace vpnd::nl {

extern const char kTestVariant[];
const char kTestVariant[] = "vpnd-test-variant: epoll";

Loop loop_choice() noexcept {
  return Loop::epoll;
}

}  // namespace vpnd::nl
