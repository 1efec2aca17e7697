// SPDX-License-Identifier: ISC
#pragma once

// What the kernel knows in a network namespace, in words for people. demo_state.h compares more.

#include "linux/demo_story.h"

namespace vpnd::demo {

View take_view();  // of the current network namespace. Throws Error

}  // namespace vpnd::demo
