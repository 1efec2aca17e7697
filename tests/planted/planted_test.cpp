// SPDX-License-Identifier: ISC

// Not a test of ours but of the sanitizer build: each case holds an error that must be reported. If
// one is not, a clean report of the other tests means nothing.

#include <criterion/criterion.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "linux/confine.h"
#include "tests/support/netns.h"

namespace {
volatile int zero = 0;  // keeps the compiler from seeing the errors

void overflow() {
  const auto bytes = std::make_unique<char[]>(8);
  volatile char* p = bytes.get();
  p[8 + zero] = 1;
}

int shift() {
  volatile int by = 40 + zero;
  return 1 << by;
}

// In a process that can do no more than an engine can; it must not end as if all were well.
template<class Fault>
void confined(Fault fault) {
  const pid_t parent = getpid();
  const int status = vpnd::test::in_child([=] {
    if (!vpnd::nl::confine_engine(parent).calls_limited) return 0;
    (void)fault();
    return 0;
  });
  cr_assert_neq(status, 0);
}
}  // namespace

Test(planted, overflow) {
  overflow();
}

Test(planted, leak) {
  void* volatile lost = std::malloc(static_cast<std::size_t>(100 + zero));
  lost = nullptr;
  cr_assert(lost == nullptr);
}

Test(planted, shift) {
  volatile int result = shift();
  cr_assert(result != 12345);
}

Test(planted, confined_overflow) {
  confined(overflow);
}

Test(planted, confined_shift) {
  confined(shift);
}
