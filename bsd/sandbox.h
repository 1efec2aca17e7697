// SPDX-License-Identifier: ISC
#pragma once

// What an engine gives up once it has what it needs, for good: the user on every system, and then
// what the system itself offers. One of sandbox_*.cpp is built: the makefile chooses.

#include <initializer_list>
#include <string_view>

namespace vpnd::bsd {

struct Confined {
  bool user_dropped = false;  // false: not root, or there is no user "nobody"
  bool files_denied = false;  // no file can be opened by its name
  bool calls_limited = false;
};

// Another user, an empty directory as root of all files where we may, and confine_here(). Call it
// last: afterwards there are only the descriptors that are open, and those that the keeper sends.
// Throws Error for what must not fail.
Confined confine_engine();

// The system's own way: sandbox_freebsd.cpp, sandbox_openbsd.cpp, or none. Throws Error.
void confine_here(Confined&);

std::string_view sandbox_name() noexcept;  // "Capsicum", "pledge and unveil"; empty: none

// Every descriptor but the standard three and these.
void close_others(std::initializer_list<int> kept) noexcept;

// As many descriptors as the system grants, and room to lock keys in memory; no memory is ever
// written to a core file.
void set_limits() noexcept;

}  // namespace vpnd::bsd
