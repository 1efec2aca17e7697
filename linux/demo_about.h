// SPDX-License-Identifier: ISC
#pragma once

#include <vector>

#include "linux/demo_story.h"

namespace vpnd::demo {

// Versions, the date, and the machine without its name.
std::vector<Setting> about_this_run();

}  // namespace vpnd::demo
