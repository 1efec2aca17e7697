// SPDX-License-Identifier: ISC
// The programs that tests start: those of the tests' own build, or of the build folder that the
// environment names as VPND_TEST_BUILD. So the same tests run programs that were built otherwise,
// with sanitizers say. Paths are valid until the process ends.

#pragma once

#include <cstdlib>
#include <map>
#include <string>

namespace vpnd::test {

inline const char* built(const std::string& path) {
  static std::map<std::string, std::string> known;
  const char* other = std::getenv("VPND_TEST_BUILD");
  const std::string whole = std::string(other != nullptr ? other : VPND_BUILD_DIR) + "/" + path;
  return known.try_emplace(path, whole).first->second.c_str();
}

inline const char* vpnd_program() {
  return built("tools/vpnd");
}
// One of tests/variants: "plain", "epoll", ...
inline const char* variant_program(const std::string& name) {
  return built("tests/variants/vpnd_" + name);
}

}  // namespace vpnd::test
