// SPDX-License-Identifier: ISC
#pragma once

// Landlock (landlock(7)): what a process may still reach by name. Descriptors that it has already,
// or is handed later, are not affected.

namespace vpnd::nl {

// The calling thread and its children can open, make, rename or remove no file any more; where the
// kernel knows more, they cannot bind or connect TCP sockets either (6.7), nor send signals to
// other processes (6.12). For good; needs no_new_privs. False: this kernel has no Landlock.
bool deny_files() noexcept;

}  // namespace vpnd::nl
