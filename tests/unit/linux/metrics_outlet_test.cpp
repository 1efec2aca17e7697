// SPDX-License-Identifier: ISC
// Metrics by HTTP on a UNIX socket, for whoever comes, and in a file.
#include "linux/metrics_outlet.h"

#include <criterion/criterion.h>

#include <atomic>
#include <fstream>
#include <sstream>
#include <thread>

#include "linux/local_socket.h"
#include "tests/unit/linux/local_server.h"

using namespace vpnd;
using namespace vpnd::nl;
using namespace vpnd::test;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view kGet = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";

struct Bench {
  OpenFolder folder;
  std::string path = folder.path + "/metrics.sock";
  TimePoint now = mono_now();
  MetricsSocket socket{path, std::nullopt};

  Fd connect() const {
    Fd fd = connect_locally(path);
    cr_assert(static_cast<bool>(fd));
    return fd;
  }
};

std::string content(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

Test(metrics_socket, answers_in_pieces_as_in_one) {
  Bench b;
  const Fd whole = b.connect(), pieces = b.connect();
  say(whole, kGet);
  for (const char c : kGet) {
    say(pieces, std::string_view(&c, 1));
    b.socket.serve(b.now);
  }
  cr_assert(b.socket.wanted());
  b.socket.answer("a 1\n");
  for (const Fd* fd : {&whole, &pieces}) {
    bool ended = false;
    const std::string got = take_all(*fd, &ended);
    cr_assert(got.starts_with("HTTP/1.0 200 OK\r\n") && got.ends_with("\r\n\r\na 1\n"), "%s",
              got.c_str());
    cr_assert(ended);
  }
  cr_assert_not(b.socket.wanted());
}

Test(metrics_socket, what_is_no_request_for_metrics_makes_no_work) {
  Bench b;
  for (const std::string& text :
       {std::string("POST /metrics HTTP/1.1\r\n\r\n"), std::string("GET /x HTTP/1.1\r\n\r\n"),
        std::string("\r\n\r\n"), std::string(MetricsSocket::kMostRequest, 'x'),
        std::string("\0\0\n\n", 4)}) {
    const Fd fd = b.connect();
    say(fd, text);
    for (int i = 0; i < 8; ++i) b.socket.serve(b.now);
    cr_assert_not(b.socket.wanted());
    bool ended = false;
    cr_assert(take_all(fd, &ended).starts_with("HTTP/1.0 4"), "%s", text.c_str());
    cr_assert(ended);
  }
  cr_assert_eq(watched(b.socket), 1u);
}

Test(metrics_socket, the_silent_and_the_many_are_let_go) {
  Bench b;
  std::vector<Fd> all;
  for (std::size_t i = 0; i < MetricsSocket::kMostClients + 3; ++i) {
    all.push_back(b.connect());
    b.socket.serve(b.now);
  }
  cr_assert_eq(watched(b.socket), 1 + MetricsSocket::kMostClients);
  cr_assert_leq(b.socket.next_deadline(), b.now + 3s);
  b.socket.serve(b.now + 3s);
  cr_assert_eq(watched(b.socket), 1u);
  // One who asks and does not read.
  const Fd fd = b.connect();
  say(fd, kGet);
  b.socket.serve(b.now);
  b.socket.answer(std::string(8 << 20, 'x'));
  cr_assert_eq(watched(b.socket), 2u);
  b.socket.serve(b.now + 3s);
  cr_assert_eq(watched(b.socket), 1u);
}

Test(metrics_socket, takes_no_other_file_s_place) {
  const OpenFolder folder;
  const std::string path = folder.path + "/notes";
  std::ofstream(path) << "mine";
  cr_assert_throw(MetricsSocket(path, std::nullopt), Error);
  cr_assert_eq(content(path), "mine");
}

// A reader that never rests, beside a writer that never does.
Test(metrics_file, is_whole_at_every_moment) {
  const OpenFolder folder;
  const std::string path = folder.path + "/vpnd.prom";
  MetricsFile file(path);
  file.write(std::string(1 << 16, 'a'), mono_now());
  std::atomic<bool> ended{false};
  std::atomic<unsigned> reads{0}, torn{0};
  std::thread reader([&] {
    while (!ended) {
      const std::string text = content(path);
      const bool whole =
          text.size() == 1 << 16 && text.find_first_not_of(text.front()) == std::string::npos;
      if (!whole) ++torn;
      ++reads;
    }
  });
  for (int i = 0; i < 2000 || reads < 100; ++i) {
    file.write(std::string(1 << 16, i % 2 == 0 ? 'b' : 'c'), mono_now());
  }
  ended = true;
  reader.join();
  cr_assert_eq(torn, 0u, "%u of %u", torn.load(), reads.load());
}

Test(metrics_file, goes_with_the_tunnel) {
  const OpenFolder folder;
  const std::string path = folder.path + "/vpnd.prom";
  {
    MetricsFile file(path);
    cr_assert_leq(file.due(), mono_now(), "the first one at once");
    const TimePoint now = mono_now();
    file.write("a 1\n", now);
    cr_assert_eq(content(path), "a 1\n");
    cr_assert(file.due() == now + MetricsFile::kEvery);
    struct stat info {};
    cr_assert_eq(stat(path.c_str(), &info), 0);
    cr_assert_eq(info.st_mode & 07777u, 0644u);
  }
  cr_assert(folder.empty(), "something was left behind");
}

Test(metrics_file, follows_no_link_that_somebody_laid) {
  const OpenFolder folder;
  const std::string path = folder.path + "/vpnd.prom", other = folder.path + "/x";
  std::ofstream(other) << "mine";
  cr_assert_eq(symlink(other.c_str(), (path + ".new").c_str()), 0);
  {
    MetricsFile file(path);
    file.write("a 1\n", mono_now());
    cr_assert_eq(content(path), "a 1\n");
  }
  cr_assert_eq(content(other), "mine");
}

Test(metrics_file, a_folder_that_is_not_there_is_no_failure) {
  MetricsFile file("/nonexistent/vpnd.prom");
  file.write("a 1\n", mono_now());
  cr_assert_gt(file.due(), mono_now());
}
