// SPDX-License-Identifier: ISC
#include "linux/journald.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <set>

#include "core/plan/log_json.h"
#include "linux/log_output.h"
#include "tests/support/folder.h"

using namespace vpnd;
using nl::LogOutput;

namespace {

// A journal that keeps what it is sent, and a pipe in the place of the standard error.
struct Listener {
  test::Folder folder;
  Fd socket, written;

  Listener() {
    socket.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::strcpy(at.sun_path, path().c_str());
    cr_assert_eq(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at), 0);
    int ends[2];
    cr_assert_eq(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    written.reset(ends[0]);
    const Fd other(ends[1]);
    cr_assert_geq(::dup2(other.get(), STDERR_FILENO), 0);
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  std::string path() const { return folder.in("socket"); }
  std::string entry() const { return taken(socket); }
  std::string error() const { return taken(written); }
  // As a service manager says it of the standard error.
  static void announce(int off = 0) {
    struct stat info {};
    cr_assert_eq(::fstat(STDERR_FILENO, &info), 0);
    const std::string said =
        fmt::format("{}:{}", info.st_dev, info.st_ino + static_cast<ino_t>(off));
    ::setenv("JOURNAL_STREAM", said.c_str(), 1);
  }

 private:
  static std::string taken(const Fd& fd) {
    std::array<char, 8192> room;
    const ssize_t n = ::read(fd.get(), room.data(), room.size());
    return n <= 0 ? "" : std::string(room.data(), static_cast<std::size_t>(n));
  }
};

const Event kLost{EventKind::lost, Level::warning, "it is gone", "laptop", "192.0.2.1:443", 104};

bool has(const std::string& entry, const std::string& field) {
  return ("\n" + entry).find("\n" + field + "\n") != std::string::npos;
}

}  // namespace

Test(journald, fields_as_lines_and_what_has_lines_by_its_length) {
  const std::array<nl::JournalField, 3> fields{{{"A", "x=y"}, {"B", ""}, {"C", "1\n2"}}};
  using namespace std::string_literals;
  cr_assert_eq(nl::journal_entry(fields), "A=x=y\nC\n\x03\0\0\0\0\0\0\0001\n2\n"s);
}

Test(journald, an_event_comes_with_its_fields) {
  const Listener l;
  Listener::announce();
  LogOutput out(Level::info, plan::LogFormat::text, l.path());
  out.set_tunnel("home");
  emit(kLost);
  const std::string entry = l.entry();
  for (const char* field :
       {"MESSAGE=home: it is gone", "PRIORITY=4", "SYSLOG_IDENTIFIER=vpnd", "VPND_TUNNEL=home",
        "VPND_EVENT=lost", "VPND_PEER=laptop", "VPND_ENDPOINT=192.0.2.1:443", "ERRNO=104"}) {
    cr_assert(has(entry, field), "no %s in\n%s", field, entry.c_str());
  }
  cr_assert(has(entry, "MESSAGE_ID=" + std::string(nl::message_id(EventKind::lost))));
  cr_assert_eq(l.error(), "");
  log(Level::error, "no event");
  const std::string line = l.entry();
  cr_assert(has(line, "PRIORITY=3") && has(line, "MESSAGE=home: no event"), "%s", line.c_str());
  cr_assert_eq(line.find("VPND_EVENT"), std::string::npos);
  cr_assert_eq(line.find("MESSAGE_ID"), std::string::npos);
  log(Level::debug, "not wanted");
  cr_assert_eq(l.entry(), "");
}

Test(journald, a_text_cannot_forge_fields) {
  const Listener l;
  Listener::announce();
  const LogOutput out(Level::info, plan::LogFormat::text, l.path());
  log(Level::info, "one\nPRIORITY=0");
  using namespace std::string_literals;
  cr_assert(l.entry().starts_with("MESSAGE\n\x0e\0\0\0\0\0\0\0one\nPRIORITY=0\nPRIORITY=6\n"s));
}

Test(journald, a_journal_that_does_not_listen_gets_its_stream_with_levels) {
  const Listener l;
  Listener::announce();
  const LogOutput out(Level::info, plan::LogFormat::text, l.folder.in("nobody"));
  emit(kLost);
  cr_assert_eq(l.error(), "<4>it is gone\n");
  cr_assert_eq(nl::level_prefix(Level::error), "<3>");
}

Test(journald, another_stream_is_no_journal) {
  const Listener l;
  const auto plain = [&l] {
    cr_assert_not(nl::stderr_is_journal());
    const LogOutput out(Level::info, plan::LogFormat::text, l.path());
    emit(kLost);
    cr_assert_eq(l.entry(), "");
    cr_assert_eq(l.error(), fmt::format("vpnd[{}]: it is gone\n", ::getpid()));
    cr_assert_eq(nl::level_prefix(Level::error), "");
  };
  ::unsetenv("JOURNAL_STREAM");
  plain();
  Listener::announce(1);
  plain();
  for (const char* nonsense : {"", ":", "12", "12:", ":12", "12:x"}) {
    ::setenv("JOURNAL_STREAM", nonsense, 1);
    plain();
  }
}

Test(journald, json_is_one_object_a_line_also_for_the_journal) {
  const Listener l;
  Listener::announce();
  LogOutput out(Level::info, plan::LogFormat::json, l.path());
  out.set_tunnel("home");
  log(Level::notice, "a \"word\"\\ and\na line\x01");
  const std::string line = l.error();
  cr_assert_eq(l.entry(), "");
  cr_assert(line.ends_with(R"(,"level":"notice","message":"a \"word\"\\ and\u000aa line\u0001",)"
                           R"("tunnel":"home"})"
                           "\n"),
            "%s", line.c_str());
  cr_assert_eq(plan::log_json(1'000'000'000'042, Level::warning, kLost.text, "home", &kLost),
               R"({"time":"2001-09-09T01:46:40.042Z","level":"warning","message":"it is gone",)"
               R"("tunnel":"home","event":"lost","peer":"laptop","endpoint":"192.0.2.1:443",)"
               R"("errno":104})"
               "\n");
}

Test(journald, every_event_has_a_message_id_of_its_own) {
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < kEventKinds; ++i) {
    const auto id = nl::message_id(static_cast<EventKind>(i));
    cr_assert_eq(id.size(), 32u);
    cr_assert_eq(id.find_first_not_of("0123456789abcdef"), std::string_view::npos);
    cr_assert(seen.insert(id).second, "%zu has another's", i);
  }
}
