// SPDX-License-Identifier: ISC
#pragma once

// Under the sanitizers, which are up to thirty times slower, repetitions are fewer.

namespace vpnd::test {

#if defined(__SANITIZE_ADDRESS__)  // GCC
inline constexpr bool kSlowBuild = true;
#elif defined(__has_feature)  // Clang
inline constexpr bool kSlowBuild = __has_feature(address_sanitizer);
#else
inline constexpr bool kSlowBuild = false;
#endif

}  // namespace vpnd::test
