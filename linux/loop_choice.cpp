// SPDX-License-Identifier: ISC
#include "linux/loop_choice.h"

namespace vpnd::nl {

Loop loop_choice() noexcept {
  return Loop::uring_if_possible;
}

}  // namespace vpnd::nl
