// SPDX-License-Identifier: ISC
#pragma once

// Which packet loop an engine is to run. Alone in its file, for tests link another one in its
// place.

#include "linux/engine_process.h"

namespace vpnd::nl {

Loop loop_choice() noexcept;

}  // namespace vpnd::nl
