// SPDX-License-Identifier: ISC
// The live view on a real terminal: what it shows, what its keys do, and that the terminal is as it
// was on every way out.

#include <criterion/criterion.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <map>

#include "tests/daemon/lab.h"
#include "tests/daemon/pty.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

constexpr const char* kEnter = "\x1b[?1049h";
constexpr const char* kLeave = "\x1b[?25h\x1b[?1049l";
constexpr const char* kFooter = "q quit";

struct Bench {
  Lab lab;
  Child server = lab.start_server(), client = lab.start_client();

  std::vector<std::string> words(const std::string& who = "client0", const char* name = "vpn0") {
    std::vector<std::string> out{vpnd_program(), "top"};
    for (const auto& w : lab.places(who)) out.push_back(w);
    out.emplace_back(name);
    return out;
  }
  Pty top(const Pty::Environment& more = {}, unsigned width = 100, unsigned height = 20) {
    std::map<std::string, std::string> all{{"TERM", "xterm"}, {"LC_ALL", "C.UTF-8"}};
    for (const auto& [name, value] : more) all[name] = value;
    return Pty(words(), {all.begin(), all.end()}, width, height);
  }
};

bool same(const termios& a, const termios& b) {
  return a.c_iflag == b.c_iflag && a.c_oflag == b.c_oflag && a.c_lflag == b.c_lflag &&
         a.c_cflag == b.c_cflag && std::ranges::equal(a.c_cc, b.c_cc);
}

// How many lines the last whole page has.
std::size_t page_lines(const std::string& screen) {
  const std::size_t end = screen.rfind("\x1b[J");
  const std::size_t begin = end == screen.npos ? screen.npos : screen.rfind("\x1b[H", end);
  if (begin == screen.npos) return 0;
  const std::string page = screen.substr(begin, end - begin);
  return 1 + static_cast<std::size_t>(std::ranges::count(page, '\n'));
}

bool ends_as_it_began(const std::string& screen) {
  const std::size_t entered = screen.rfind(kEnter), left = screen.rfind(kLeave);
  return left != screen.npos && (entered == screen.npos || left > entered);
}

}  // namespace

Test(top, shows_the_tunnel_and_obeys_its_keys) {
  Bench b;
  Pty top = b.top();
  const termios before = top.settings();
  cr_assert(top.shows(kFooter), "%s", top.screen().c_str());
  for (const char* text :
       {kEnter, "vpn0", "203.0.113.2", "connected", "↓", "in place", "\x1b[32m"}) {
    cr_assert(top.screen().find(text) != std::string::npos, "%s in\n%s", text,
              top.screen().c_str());
  }
  cr_assert_not(same(top.settings(), before), "keys would need Enter");
  cr_assert(eventually([&] { return page_lines(top.screen()) == 20; }));
  top.forget();
  top.resize(44, 9);
  cr_assert(eventually([&] { return page_lines(top.screen()) == 9; }), "%s", top.screen().c_str());
  top.forget();
  top.type("p");
  cr_assert(top.shows("paused"));
  top.type("p");
  cr_assert(eventually([&] {
    const std::string page = top.screen().substr(top.screen().rfind("\x1b[H"));
    return page.find(kFooter) != page.npos && page.find("paused") == page.npos;
  }));
  top.forget();
  top.type("j");
  cr_assert(top.shows("\"schema\":\"vpnd.status/1\"") && top.shows("any key goes on"));
  cr_assert(ends_as_it_began(top.screen()), "it is not on the screen that stays");
  top.forget();
  top.type("x");
  cr_assert(top.shows(kFooter));
  top.type("q");
  const int status = top.wait();
  cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  cr_assert(ends_as_it_began(top.screen()));
  cr_assert(same(top.settings(), before));
}

Test(top, leaves_the_terminal_as_it_was_on_every_way_out) {
  Bench b;
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
    Pty top = b.top();
    const termios before = top.settings();
    cr_assert(top.shows(kFooter));
    if (number == SIGINT) {
      top.type("\x03");
    } else {
      top.signal(number);
    }
    const int status = top.wait();
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == number, "signal %d: %x", number, status);
    cr_assert(ends_as_it_began(top.screen()), "signal %d", number);
    cr_assert(same(top.settings(), before), "signal %d", number);
  }
  Pty top = b.top();
  const termios before = top.settings();
  cr_assert(top.shows(kFooter));
  top.type("\x1a");
  cr_assert(WIFSTOPPED(top.wait(10, true)), "^Z");
  cr_assert(ends_as_it_began(top.screen()) && same(top.settings(), before), "while it is stopped");
  top.forget();
  top.signal(SIGCONT);
  cr_assert(top.shows(kEnter) && top.shows(kFooter));
  b.client.signal(SIGTERM);
  const int status = top.wait();
  cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 3, "the tunnel has ended");
  cr_assert(ends_as_it_began(top.screen()) && same(top.settings(), before));
  cr_assert(top.screen().find("vpnd: the tunnel has ended") > top.screen().rfind(kLeave));
}

Test(top, plain_where_that_is_wanted) {
  Bench b;
  Pty top = b.top({{"LC_ALL", "C"}, {"NO_COLOR", "1"}});
  cr_assert(top.shows(kFooter));
  for (const char c : top.screen()) cr_assert((c & 0x80) == 0, "%s", top.screen().c_str());
  cr_assert(top.screen().find("rx ") != std::string::npos);
  for (const char* colour : {"\x1b[1m", "\x1b[2m", "\x1b[3"}) {
    cr_assert(top.screen().find(colour) == std::string::npos, "%s", top.screen().c_str());
  }
}

Test(top, needs_a_terminal_that_can_be_drawn_on) {
  Bench b;
  const Finished piped = b.lab.vpnd(b.lab.client(), "client0", {"top"});
  cr_assert_eq(piped.status, 64);
  cr_assert(piped.output.find("--watch") != std::string::npos, "%s", piped.output.c_str());
  Pty dumb = b.top({{"TERM", "dumb"}});
  const int status = dumb.wait();
  cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 64);
  cr_assert(dumb.screen().find('\x1b') == std::string::npos);
}

Test(top, of_a_server_has_a_row_for_each_client) {
  Bench b;
  std::vector<std::string> words = b.words("server");
  words.pop_back();
  Pty top(words, {{"TERM", "xterm"}, {"LC_ALL", "C.UTF-8"}}, 100, 20);
  cr_assert(top.shows("serving 1 client") && top.shows("192.168.192.1"), "%s",
            top.screen().c_str());
  top.type("q");
  cr_assert_eq(top.wait(), 0);
}
