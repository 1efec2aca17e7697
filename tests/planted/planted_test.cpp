// SPDX-License-Identifier: ISC

// Not a test of ours but of the sanitizer build: each case holds an error that must be reported. If
// one is not, a clean report of the other tests means nothing.

#include <criterion/criterion.h>

#include <cstdlib>
#include <memory>

namespace {
volatile int zero = 0;  // keeps the compiler from seeing the errors
}

Test(planted, overflow) {
  const auto bytes = std::make_unique<char[]>(8);
  volatile char* p = bytes.get();
  p[8 + zero] = 1;
}

Test(planted, leak) {
  void* volatile lost = std::malloc(static_cast<std::size_t>(100 + zero));
  lost = nullptr;
  cr_assert(lost == nullptr);
}

Test(planted, shift) {
  volatile int by = 40 + zero;
  volatile int result = 1 << by;
  cr_assert(result != 12345);
}
