// SPDX-License-Identifier: ISC
#pragma once

// What the engine gives up once it has what it needs.

#include <sys/types.h>

#include <initializer_list>

namespace vpnd::nl {

// Every descriptor but the standard three and these.
void close_others(std::initializer_list<int> kept) noexcept;

struct Confined {
  bool user_dropped = false;  // false: not root, or user 65534 does not exist here
};
// Another user, no capabilities, no way to regain any; not readable by other processes; dies with
// its parent. System calls and files are limited here later. Throws Error for what must not fail.
Confined confine_engine(pid_t parent);

// A process for one errand: it keeps its user, and nothing else of the above. Throws Error.
void confine_helper(pid_t parent);

// As many descriptors as the system grants.
void raise_descriptor_limit() noexcept;

}  // namespace vpnd::nl
