// SPDX-License-Identifier: ISC
#pragma once

// Whether this is a build with the address or the thread sanitizer: their reports need files and
// system calls that the engine itself has no use for, the first of them answers mlock() itself, and
// it is up to thirty times slower.

namespace vpnd {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)  // GCC
inline constexpr bool kSanitizerBuild = true;
#elif defined(__has_feature)  // Clang
inline constexpr bool kSanitizerBuild =
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
inline constexpr bool kSanitizerBuild = false;
#endif

}  // namespace vpnd
