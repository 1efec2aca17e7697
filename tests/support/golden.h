// SPDX-License-Identifier: ISC
#pragma once

// Text compared with a file under tests/data/golden. A difference is shown, never written back.

#include <criterion/criterion.h>

#include <fstream>
#include <sstream>
#include <string>

namespace vpnd::test {

inline void compare_golden(const std::string& name, const std::string& actual) {
  std::ifstream in(std::string(VPND_SOURCE_DIR "/tests/data/golden/") + name);
  cr_assert(in.good(), "no golden file %s; the text is:\n%s", name.c_str(), actual.c_str());
  std::stringstream want;
  want << in.rdbuf();
  cr_assert(want.str() == actual, "%s\n--- wanted\n%s--- got\n%s", name.c_str(), want.str().c_str(),
            actual.c_str());
}

}  // namespace vpnd::test
