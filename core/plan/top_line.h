// SPDX-License-Identifier: ISC
#pragma once

// One line of a terminal, filled from the left and never longer than it is wide.

#include <string>
#include <string_view>

namespace vpnd::plan {

enum class Colour : std::uint8_t { plain, bright, dim, red, green, yellow, blue };

// Columns that a code point takes: 0, 1 or 2; of what a terminal must not be sent, -1. By the
// blocks of Unicode 15, coarsely: a wide one too many is cut a column early.
int columns(char32_t) noexcept;
// Of a text that has none of the latter.
std::size_t columns(std::string_view) noexcept;

class TopLine {
 public:
  TopLine(std::size_t width, bool utf8, bool colour)
      : width_(width), utf8_(utf8), colour_(colour) {}

  // Whatever the text is: what a terminal must not be sent, and on one without UTF-8 what is not
  // ASCII, becomes '?'; what does not fit is cut.
  TopLine& put(std::string_view text, Colour = Colour::plain);
  TopLine& to(std::size_t column);  // blanks up to there
  // The text at the right end, if there is room for all of it behind a blank.
  TopLine& right(std::string_view text, Colour = Colour::plain);
  std::size_t used() const noexcept { return used_; }
  std::size_t room() const noexcept { return width_ - used_; }
  std::string take() { return std::move(out_); }

 private:
  std::size_t width_, used_ = 0;
  bool utf8_, colour_;
  std::string out_;
};

}  // namespace vpnd::plan
