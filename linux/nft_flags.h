// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>
#include <vector>

namespace vpnd::nl {

// What becomes of a table when its owner is killed.
enum class Life : std::uint8_t { session, persistent };

// The flags of our tables, in the order in which they are tried: with an owner, or without one
// where the kernel knows none. An owned table that persists; owned without persisting it opens the
// host when we are killed, which has to be asked for.
std::vector<std::uint32_t> table_flags(Life);

}  // namespace vpnd::nl
