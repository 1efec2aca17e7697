// SPDX-License-Identifier: ISC
// What runs on "the" system runs on the one that lives.
#include "bsd/native.h"
#include "tests/unit/bsd/fake_system.h"

namespace vpnd::bsd {

System& real_system() {
  return *test::FakeSystem::living;
}

const Traits& native() noexcept {
  return test::FakeSystem::living->traits;
}

}  // namespace vpnd::bsd
