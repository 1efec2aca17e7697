// SPDX-License-Identifier: ISC
#pragma once

#include <string>

namespace vpnd::nl {

// From its beginning to its end, wherever the descriptor stands; what cannot be read is not there.
std::string read_text(int fd);
std::string read_text(const std::string& path);

}  // namespace vpnd::nl
