// SPDX-License-Identifier: ISC
#include "tools/terminal.h"

#include <langinfo.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include "core/base/error.h"

namespace vpnd {
namespace {

constexpr std::string_view kEnter = "\x1b[?1049h\x1b[?25l";  // the other screen, no cursor
constexpr std::string_view kLeave = "\x1b[0m\x1b[?25h\x1b[?1049l";
constexpr std::array<int, 6> kHandled{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH};

volatile std::sig_atomic_t g_ended_by = 0, g_stop = 0;

void handle(int number) {
  if (number == SIGTSTP) g_stop = 1;
  if (number != SIGTSTP && number != SIGWINCH) g_ended_by = number;
}

bool say(std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t n = write(STDOUT_FILENO, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

// They come while we wait, and at no other time.
sigset_t handled() noexcept {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : kHandled) sigaddset(&set, number);
  return set;
}

bool is_set(const char* variable) noexcept {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

}  // namespace

Terminal::Terminal() {
  const char* kind = std::getenv("TERM");
  const bool able = kind != nullptr && *kind != '\0' && std::string_view(kind) != "dumb";
  if (isatty(STDIN_FILENO) != 1 || isatty(STDOUT_FILENO) != 1 || !able ||
      tcgetattr(STDIN_FILENO, &before_) < 0) {
    throw usage_error("this needs a terminal that can be drawn on",
                      "\"vpnd status --watch\" prints lines");
  }
  std::setlocale(LC_CTYPE, "");
  utf8_ = std::string_view(nl_langinfo(CODESET)) == "UTF-8";
  colour_ = !is_set("NO_COLOR");
  const sigset_t set = handled();
  sigprocmask(SIG_BLOCK, &set, nullptr);
  struct sigaction action {};
  action.sa_handler = handle;
  for (const int number : kHandled) sigaction(number, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);  // who draws hears of it
  enter();
}

Terminal::~Terminal() {
  leave();
}

void Terminal::enter() {
  if (entered_) return;
  termios page = before_;
  page.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  page.c_cc[VMIN] = 0;
  page.c_cc[VTIME] = 0;
  if (tcsetattr(STDIN_FILENO, TCSADRAIN, &page) < 0) throw Error("set up the terminal", errno);
  entered_ = true;
  say(kEnter);
}

void Terminal::leave() noexcept {
  if (!entered_) return;
  say(kLeave);
  tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
  entered_ = false;
}

Terminal::Size Terminal::size() const noexcept {
  winsize w{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) < 0 || w.ws_col == 0 || w.ws_row == 0) return {};
  return {w.ws_col, w.ws_row};
}

void Terminal::draw(const std::vector<std::string>& lines) {
  std::string page = "\x1b[H";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) page += "\r\n";
    page += lines[i] + "\x1b[K";
  }
  page += "\x1b[J";
  if (!say(page)) throw Error("draw on the terminal", errno);
}

void Terminal::aside(std::string_view text) {
  say(kLeave);
  say(text);
  while (g_ended_by == 0 && wait(std::chrono::hours(1)) == 0) {
  }
  say(kEnter);
}

char Terminal::wait(std::chrono::milliseconds patience, int also) {
  const auto s = std::chrono::duration_cast<std::chrono::seconds>(patience);
  const timespec limit{s.count(), std::chrono::nanoseconds(patience - s).count()};
  fd_set readable;
  FD_ZERO(&readable);
  FD_SET(STDIN_FILENO, &readable);
  if (also >= FD_SETSIZE) also = -1;
  if (also >= 0) FD_SET(also, &readable);
  sigset_t open;
  sigemptyset(&open);
  // Not ppoll(), which not every system has.
  const int ready =
      pselect(std::max(STDIN_FILENO, also) + 1, &readable, nullptr, nullptr, &limit, &open);
  if (g_stop != 0) {
    g_stop = 0;
    leave();
    raise(SIGSTOP);
    enter();
    return 0;
  }
  if (ready <= 0 || !FD_ISSET(STDIN_FILENO, &readable)) return 0;
  char key = 0;
  if (read(STDIN_FILENO, &key, 1) == 1) return key;
  g_ended_by = SIGHUP;  // nobody is there any more
  return 0;
}

int Terminal::ended_by() const noexcept {
  return g_ended_by;
}

}  // namespace vpnd
