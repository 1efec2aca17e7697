// SPDX-License-Identifier: ISC
#pragma once

// What callgrind wrote: how many instructions were ours. The format is that of "Callgrind Format
// Specification" in Valgrind's manual, with one event, Ir.

#include <cstdint>
#include <istream>

namespace vpnd::bench {

// All instructions, less those of each call into libsodium or into the namespace `kernel` of
// carry.cpp, with everything that was called from there in turn: so libc's memcpy is ours when we
// call it, and libsodium's when libsodium does.
struct Profile {
  std::uint64_t all = 0, sodium = 0, kernel = 0;
  std::uint64_t ours() const noexcept { return all - sodium - kernel; }
};

Profile read_profile(std::istream&);  // std::runtime_error: not such a file

}  // namespace vpnd::bench
