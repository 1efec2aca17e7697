// SPDX-License-Identifier: ISC
#pragma once

// Lowered plans as lines, and questions about them.

#include <algorithm>
#include <string>
#include <vector>

#include "linux/lower.h"
#include "tests/support/hosts.h"

namespace vpnd::test {

using namespace vpnd::nl;

inline std::vector<std::string> lines(const plan::Plan& p, const HostFacts& f) {
  std::vector<std::string> out;
  for (const Object& o : lower(p, f)) out.push_back(describe(o));
  return out;
}

// Its place, or the number of lines when it is not there.
inline std::size_t place(const std::vector<std::string>& all, const std::string& line) {
  return static_cast<std::size_t>(std::find(all.begin(), all.end(), line) - all.begin());
}

inline bool has(const std::vector<std::string>& all, const std::string& line) {
  return place(all, line) < all.size();
}

inline bool mentions(const std::vector<std::string>& all, const std::string& part) {
  return std::any_of(all.begin(), all.end(),
                     [&](const auto& l) { return l.find(part) != std::string::npos; });
}

template<typename T>
std::vector<T> only(const std::vector<Object>& objects) {
  std::vector<T> out;
  for (const Object& o : objects) {
    if (const T* found = std::get_if<T>(&o)) out.push_back(*found);
  }
  return out;
}

}  // namespace vpnd::test
