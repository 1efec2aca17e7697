// SPDX-License-Identifier: ISC
#pragma once

#include <string>

#include "linux/demo_story.h"

namespace vpnd::demo {

// One static page: no scripts, nothing loaded from elsewhere, light and dark, UTF-8.
std::string page(const Story&);

}  // namespace vpnd::demo
