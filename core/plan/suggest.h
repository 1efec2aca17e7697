// SPDX-License-Identifier: ISC
#pragma once

// "Did you mean": the word that a mistyped one was probably meant to be.

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace vpnd::plan {

// Insertions, deletions, replacements and swaps of neighbours that lead from one to the other.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The nearest of `words`, if it is near: at most two edits, and fewer than the word is long.
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> words);

// ` (did you mean "interface"?)`, or nothing.
std::string did_you_mean(std::string_view word, std::span<const std::string> words);

}  // namespace vpnd::plan
