// SPDX-License-Identifier: ISC
#pragma once

#include "core/base/time.h"

namespace vpnd::bsd {

// The wall clock, and one that never goes back: it counts while the machine sleeps where the system
// has such a clock.
Now read_clocks() noexcept;

}  // namespace vpnd::bsd
