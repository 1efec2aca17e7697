// SPDX-License-Identifier: ISC
#pragma once

// How a system call ends in a process that is confined as the engine is. Each call is first shown
// to work without, or to fail for another reason.

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

#include "core/base/sanitizer_build.h"
#include "linux/confine.h"
#include "tests/support/netns.h"

namespace vpnd::test {

inline constexpr int kKilled = 128 + SIGSYS;  // as in_child() tells it
inline constexpr int kNotLimited = 124;       // no errno is as large
// What is on no list. Reports of a sanitizer could not come out of a process that is ended.
inline constexpr int kForbidden = kSanitizerBuild ? EPERM : kKilled;

using Call = std::function<long()>;

// 0, or its errno, or kKilled.
inline int outcome(const Call& call, bool confined) {
  const pid_t parent = getpid();
  return in_child([&] {
    if (confined && !nl::confine_engine(parent).calls_limited) return kNotLimited;
    errno = 0;
    return call() < 0 ? errno : 0;
  });
}

inline void expect(const char* what, const Call& call, int refusal, int without = 0) {
  const int free = outcome(call, false);
  cr_expect_eq(free, without, "%s gives %d even unconfined", what, free);
  const int bound = outcome(call, true);
  cr_expect_eq(bound, refusal, "%s gives %d, not %d", what, bound, refusal);
}

// For the calls that C libraries may try.
inline void expect_refused(const char* what, const Call& call) {
  expect(what, call, EPERM);
}
inline void expect_forbidden(const char* what, const Call& call, int without = 0) {
  expect(what, call, kForbidden, without);
}
inline void expect_allowed(const char* what, const Call& call) {
  expect(what, call, 0);
}

inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(port);
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return a;
}

}  // namespace vpnd::test
