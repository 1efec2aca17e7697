// SPDX-License-Identifier: ISC
#pragma once

// For tests of what is kept in /etc: never the machine's own.

namespace vpnd::test {

// Moves this test's process into a mount namespace of its own with an empty /etc in memory, which
// keeps only the dynamic linker's cache, or skips the test. Ends the process rather than go on with
// the machine's own.
void private_etc();

}  // namespace vpnd::test
