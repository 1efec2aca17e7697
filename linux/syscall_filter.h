// SPDX-License-Identifier: ISC
#pragma once

// The engine's system calls: those that its packet loops make, and no other (seccomp(2), through
// libseccomp). What passes through a ring is not seen here; see ring.h.

namespace vpnd::nl {

// For all threads and their children, for good. A call that is not on the list ends the
// process (SIGSYS); a few that a C library may try for its own ends fail with EPERM. Calls of
// another architecture (x86-64: 32-bit, x32) end it too. In a sanitizer build everything that is
// not on a longer list fails with EPERM, so that reports come out.
// False: this kernel or container does not let itself be asked for a filter.
enum class Threads { one, several };  // several wait for each other's locks, and for their ends
bool limit_system_calls(Threads);

}  // namespace vpnd::nl
