// SPDX-License-Identifier: ISC
#include "core/plan/top_line.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/utf8.h"

namespace vpnd::plan {
namespace {

using Block = std::pair<char32_t, char32_t>;

constexpr std::array<Block, 8> kWide{{{0x1100, 0x115f},
                                      {0x2e80, 0xa4cf},
                                      {0xa960, 0xa97f},
                                      {0xac00, 0xd7ff},
                                      {0xf900, 0xfaff},
                                      {0xfe30, 0xff60},
                                      {0x1f000, 0x1faff},
                                      {0x20000, 0x3fffd}}};
constexpr std::array<Block, 5> kCombining{
    {{0x300, 0x36f}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}}};
// Controls, marks that turn the direction of writing, and what has no agreed width.
constexpr std::array<Block, 7> kForbidden{{{0, 0x1f},
                                           {0x7f, 0x9f},
                                           {0xad, 0xad},
                                           {0x61c, 0x61c},
                                           {0x200b, 0x200f},
                                           {0x2028, 0x202e},
                                           {0x2060, 0x206f}}};

template<std::size_t N>
bool within(const std::array<Block, N>& blocks, char32_t c) noexcept {
  return std::ranges::any_of(blocks, [c](const Block& b) { return c >= b.first && c <= b.second; });
}

constexpr const char* kStart[] = {"",         "\x1b[1m",  "\x1b[2m", "\x1b[31m",
                                  "\x1b[32m", "\x1b[33m", "\x1b[34m"};
constexpr const char* kEnd = "\x1b[0m";

}  // namespace

int columns(char32_t c) noexcept {
  if (within(kForbidden, c) || c == 0xfeff || c > 0x3fffd) return -1;
  if (within(kCombining, c)) return 0;
  return within(kWide, c) ? 2 : 1;
}

std::size_t columns(std::string_view text) noexcept {
  std::size_t n = 0;
  while (!text.empty()) {
    const CodePoint c = first_code_point(text);
    n += static_cast<std::size_t>(std::max(0, c.valid ? columns(c.value) : 1));
    text.remove_prefix(c.bytes);
  }
  return n;
}

TopLine& TopLine::put(std::string_view text, Colour colour) {
  const bool coloured = colour_ && colour != Colour::plain && !text.empty() && room() > 0;
  if (coloured) out_ += kStart[static_cast<std::size_t>(colour)];
  while (!text.empty()) {
    const CodePoint c = first_code_point(text);
    const int wide = c.valid && (utf8_ || c.value < 0x80) ? columns(c.value) : -1;
    const std::size_t taken = wide < 0 ? 1 : static_cast<std::size_t>(wide);
    if (taken > room()) break;
    out_ += wide < 0 ? std::string_view("?") : text.substr(0, c.bytes);
    used_ += taken;
    text.remove_prefix(c.bytes);
  }
  if (coloured) out_ += kEnd;
  return *this;
}

TopLine& TopLine::to(std::size_t column) {
  const std::size_t target = std::min(column, width_);
  if (target > used_) put(std::string(target - used_, ' '));
  return *this;
}

TopLine& TopLine::right(std::string_view text, Colour colour) {
  const std::size_t length = columns(text);
  if (length + 1 > room()) return *this;
  return to(width_ - length).put(text, colour);
}

}  // namespace vpnd::plan
