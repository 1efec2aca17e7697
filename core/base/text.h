// SPDX-License-Identifier: ISC
#pragma once

// Text taken apart from its front.

#include <algorithm>
#include <string_view>

namespace vpnd {

// Up to `end`, which goes as well, or all of it; `rest` is what follows.
inline std::string_view take_until(std::string_view& rest, char end) noexcept {
  const std::string_view taken = rest.substr(0, rest.find(end));
  rest.remove_prefix(std::min(taken.size() + 1, rest.size()));
  return taken;
}

// The next word between blanks, tabs and carriage returns. Empty: there is none.
inline std::string_view take_word(std::string_view& rest) noexcept {
  constexpr std::string_view kBlank = " \t\r";
  rest.remove_prefix(std::min(rest.find_first_not_of(kBlank), rest.size()));
  const std::string_view word = rest.substr(0, rest.find_first_of(kBlank));
  rest.remove_prefix(word.size());
  return word;
}

}  // namespace vpnd
