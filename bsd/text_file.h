// SPDX-License-Identifier: ISC
#pragma once

#include <string>

namespace vpnd::bsd {

// All of it; what cannot be read is not there.
std::string read_text(const std::string& path);

}  // namespace vpnd::bsd
