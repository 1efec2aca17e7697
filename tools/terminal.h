// SPDX-License-Identifier: ISC
#pragma once

// The terminal as a page: no line editing, no echo, another screen, and all of it as it was on
// every way out, a signal and an exception among them. termios(3), and the escape sequences of
// ECMA-48.

#include <termios.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace vpnd {

class Terminal {
 public:
  // Throws Error (Exit::usage) where standard input and output are not one that can be drawn on.
  Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal();

  struct Size {
    unsigned width = 80, height = 24;
  };
  Size size() const noexcept;
  bool utf8() const noexcept { return utf8_; }
  bool colour() const noexcept { return colour_; }  // NO_COLOR, https://no-color.org

  // The whole page. Throws Error when nobody reads.
  void draw(const std::vector<std::string>& lines);

  // A key, or 0: so much time passed, `also` became readable, the size changed, or ended_by().
  char wait(std::chrono::milliseconds, int also = -1);
  // The signal that asks this program to end; 0: none did.
  int ended_by() const noexcept;

  // A text on the screen as it was before, where it stays, until a key is pressed.
  void aside(std::string_view text);

 private:
  void enter();
  void leave() noexcept;

  termios before_{};
  bool utf8_ = false, colour_ = true, entered_ = false;
};

}  // namespace vpnd
