// SPDX-License-Identifier: ISC
// Nobody at the control socket makes the keeper wait or grow, and nobody may do what is not his.
#include "linux/control_socket.h"

#include <criterion/criterion.h>

#include <algorithm>

#include "core/base/error.h"
#include "linux/local_socket.h"
#include "tests/unit/linux/local_server.h"

using namespace vpnd;
using namespace vpnd::nl;
using namespace vpnd::test;
using namespace std::chrono_literals;

namespace {

constexpr gid_t kGroup = 54321;
constexpr uid_t kUser = 54320;

struct Bench {
  OpenFolder open;
  std::string folder = open.path;
  TimePoint now = mono_now();
  ControlSocket socket;
  bool confirmed = false;

  explicit Bench(std::optional<gid_t> group = {}) : socket(folder, "vpn0", group) {}

  Fd connect() const {
    Fd fd = connect_locally(folder + "/vpn0.sock");
    cr_assert(static_cast<bool>(fd));
    return fd;
  }
  Fd reader() {
    Fd fd = connect();
    say(fd, "events\n");
    socket.serve(now);
    socket.serve(now);
    return fd;
  }
  void announce(const std::string& line) {
    socket.announce(line, now, [](std::uint64_t n) { return "missed " + std::to_string(n); });
  }
  // What that user gets.
  int asked_by(uid_t user, gid_t primary, gid_t extra, Request request) {
    const pid_t child = as_user(user, primary, extra, [&] {
      try {
        return ask(folder, "vpn0", request) ? 0 : 3;
      } catch (const Error& e) {
        return static_cast<int>(e.code());
      }
    });
    return serve_until_ended(socket, child, [this] {
      confirmed = socket.take_confirmation() || confirmed;
      if (socket.wanted()) socket.answer("{}");
    });
  }
};

std::size_t count(const std::string& text, const std::string& word) {
  std::size_t n = 0;
  for (std::size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1)) ++n;
  return n;
}

void need_root() {
  if (geteuid() != 0) cr_skip_test("needs root, to become others");
}

}  // namespace

Test(control_socket, a_reader_gets_each_line_after_the_greeting) {
  Bench b;
  const Fd fd = b.reader();
  b.announce("too early");
  cr_assert(b.socket.newcomers());
  b.socket.greet("hello", b.now);
  cr_assert_not(b.socket.newcomers());
  b.announce("one");
  b.announce("two");
  cr_assert_eq(take_all(fd), "hello\none\ntwo\n");
}

Test(control_socket, a_reader_who_does_not_read_misses_lines_and_is_told) {
  Bench b;
  const Fd slow = b.reader(), quick = b.reader();
  b.socket.greet("hello", b.now);
  const std::string line(500, 'x');
  constexpr std::size_t kLines = 20000;
  std::size_t heard = 0;
  for (std::size_t i = 0; i < kLines; ++i) {
    b.announce(line);
    heard += count(take_all(quick), "\n");
  }
  cr_assert_eq(heard, kLines + 1, "the other one misses nothing");
  std::string all;
  for (int i = 0; i < 1000; ++i) {
    all += take_all(slow);
    b.socket.serve(b.now);
  }
  const std::size_t kept = count(all, "\n") - 1;
  cr_assert_lt(kept * line.size(), ControlSocket::kMostQueued + 1024 * 1024, "it has grown");
  cr_assert_lt(kept, kLines);
  b.announce("last");
  cr_assert_eq(take_all(slow), "missed " + std::to_string(kLines - kept) + "\nlast\n");
}

Test(control_socket, a_reader_who_is_gone_is_let_go) {
  Bench b;
  Fd fd = b.reader();
  b.socket.greet("hello", b.now);
  cr_assert_eq(watched(b.socket), 2u);
  fd.reset();
  b.announce("x");
  cr_assert_eq(watched(b.socket), 1u);
}

Test(control_socket, a_reader_who_takes_nothing_for_long_is_let_go) {
  Bench b;
  const Fd fd = b.reader();
  b.socket.greet("hello", b.now);
  b.socket.serve(b.now + 1h);
  cr_assert_eq(watched(b.socket), 2u, "it has read all there was");
  for (int i = 0; i < 5000; ++i) b.announce(std::string(500, 'x'));
  cr_assert_lt(b.socket.next_deadline(), b.now + 2min);
  b.socket.serve(b.now + 2min);
  cr_assert_eq(watched(b.socket), 1u);
}

Test(control_socket, readers_and_askers_are_few) {
  Bench b;
  std::vector<Fd> readers, askers;
  for (std::size_t i = 0; i < ControlSocket::kMostReaders + 3; ++i) readers.push_back(b.reader());
  cr_assert_eq(watched(b.socket), 1 + ControlSocket::kMostReaders);
  for (std::size_t i = 0; i < ControlSocket::kMostClients + 3; ++i) {
    askers.push_back(b.connect());
    b.socket.serve(b.now);
  }
  cr_assert_eq(watched(b.socket), 1 + ControlSocket::kMostReaders + ControlSocket::kMostClients);
  // They say nothing, and go; readers have nothing to say and stay.
  b.socket.serve(b.now + 3s);
  cr_assert_eq(watched(b.socket), 1 + ControlSocket::kMostReaders);
}

Test(control_socket, what_is_no_request_is_not_answered) {
  Bench b;
  for (const std::string& words : {std::string("stat\n"), std::string("status\nstatus\n"),
                                   std::string(1000, 'x'), std::string("\n")}) {
    const Fd fd = b.connect();
    say(fd, words);
    b.socket.serve(b.now);
    cr_assert_not(b.socket.wanted());
    cr_assert_eq(watched(b.socket), 1u);
  }
  const Fd fd = b.reader();
  b.socket.greet("hello", b.now);
  say(fd, "x");
  b.socket.serve(b.now);
  cr_assert_eq(watched(b.socket), 1u, "a reader has nothing more to say");
}

Test(control_socket, without_a_group_root_alone_may_ask) {
  need_root();
  Bench b;
  cr_assert_eq(b.asked_by(0, 0, 0, Request::status), 0);
  cr_assert_eq(b.asked_by(0, 0, 0, Request::confirm), 0);
  cr_assert_eq(b.asked_by(kUser, kGroup, kGroup, Request::status), 77);
  cr_assert_eq(b.asked_by(kUser, 0, 0, Request::status), 77, "root's group is not root");
}

Test(control_socket, members_of_the_group_look_and_change_nothing) {
  need_root();
  Bench b(kGroup);
  cr_assert_eq(b.asked_by(kUser, kGroup, kUser, Request::status), 0, "by its own group");
  cr_assert_eq(b.asked_by(kUser, kUser, kGroup, Request::status), 0, "by a supplementary one");
  cr_assert_eq(b.asked_by(kUser, kUser, kUser, Request::status), 77, "not a member");
  cr_assert_eq(b.asked_by(kUser, kGroup, kGroup, Request::confirm), 77);
  cr_assert_not(b.confirmed);
  cr_assert_eq(b.asked_by(0, 0, 0, Request::confirm), 0);
  cr_assert(b.confirmed);
}

// What a lax administrator does to the socket's mode gives nobody a say.
Test(control_socket, the_file_s_mode_is_not_all_that_guards_it) {
  need_root();
  Bench b(kGroup);
  cr_assert_eq(chmod((b.folder + "/vpn0.sock").c_str(), 0666), 0);
  cr_assert_eq(b.asked_by(kUser, kUser, kUser, Request::status), 3, "hung up on");
  cr_assert_eq(b.asked_by(kUser, kUser, kUser, Request::confirm), 3);
  cr_assert_not(b.confirmed);
}

Test(control_socket, the_file_is_its_group_s_and_nobody_else_s) {
  need_root();
  struct stat info {};
  {
    Bench b(kGroup);
    cr_assert_eq(stat((b.folder + "/vpn0.sock").c_str(), &info), 0);
    cr_assert_eq(info.st_gid, kGroup);
    cr_assert_eq(info.st_mode & 07777u, 0660u);
    cr_assert_eq(b.asked_by(0, 0, 0, Request::status), 0);
  }
  Bench b;
  cr_assert_eq(stat((b.folder + "/vpn0.sock").c_str(), &info), 0);
  cr_assert_eq(info.st_mode & 07777u, 0600u);
}
