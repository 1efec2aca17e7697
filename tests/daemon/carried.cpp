// SPDX-License-Identifier: ISC
#include "tests/daemon/carried.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cerrno>
#include <cstring>
#include <future>
#include <vector>

#include "linux/fd.h"
#include "tests/daemon/known_stream.h"
#include "tests/daemon/traffic.h"

namespace vpnd::test {
namespace {

constexpr std::uint16_t kStreamPort = 7001, kDatagramPort = 7002;
constexpr std::uint64_t kUp = 1, kDown = 2;  // each way has a stream of its own
// One UDP_SEGMENT call: no more than a datagram may have, and than the kernel cuts.
constexpr std::size_t kPiece = 60'000, kPieceDatagrams = 60;

void wait_no_longer_than(int fd, int seconds) {
  const timeval limit{seconds, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

std::string fault(const char* what, std::uint64_t at) {
  return fmt::format("{} at byte {} ({})", what, at, std::strerror(errno));
}

std::string send_known(int fd, std::uint64_t bytes, std::uint64_t seed) {
  KnownStream stream(seed);
  while (stream.position() < bytes) {
    for (Bytes rest = stream.next(bytes - stream.position()); !rest.empty();) {
      const ssize_t n = ::send(fd, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (n <= 0) return fault("nothing more could be sent", stream.position() - rest.size());
      rest = rest.subspan(static_cast<std::size_t>(n));
    }
  }
  ::shutdown(fd, SHUT_WR);
  return {};
}

std::string expect_known(int fd, std::uint64_t bytes, std::uint64_t seed) {
  KnownStream stream(seed);
  std::vector<std::uint8_t> buffer(256 * 1024);
  for (;;) {
    const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), 0);
    if (n < 0) return fault("nothing more came", stream.position());
    if (n == 0) break;
    if (!stream.continues(Bytes(buffer).first(static_cast<std::size_t>(n)))) {
      return fmt::format("another byte than was sent at {}", stream.position());
    }
  }
  if (stream.position() == bytes) return {};
  return fmt::format("{} bytes came of {}", stream.position(), bytes);
}

// Both ends of one way; nobody waits for what the other end will not give any more.
std::string one_way(int from, int to, std::uint64_t bytes, std::uint64_t seed) {
  auto sent = std::async(std::launch::async, send_known, from, bytes, seed);
  std::string got = expect_known(to, bytes, seed);
  if (!got.empty()) ::shutdown(from, SHUT_RDWR);
  const std::string gave = sent.get();
  return got.empty() ? gave : got;
}

std::string of(const char* way, const std::string& fault) {
  return fault.empty() ? "" : fmt::format("{}: {}\n", way, fault);
}

// Sends one piece and takes its datagrams out at the other end.
std::string pass(int from, int to, Bytes piece, std::size_t payload) {
  if (::send(from, piece.data(), piece.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(piece.size())) {
    return fault("not sent", 0);
  }
  std::vector<std::uint8_t> got(payload + 1);
  for (std::size_t at = 0; at < piece.size(); at += payload) {
    const Bytes due = piece.subspan(at, std::min(payload, piece.size() - at));
    const ssize_t n = ::recv(to, got.data(), got.size(), 0);
    if (n < 0) return fault("a datagram is missing", at);
    if (!std::ranges::equal(due, Bytes(got).first(static_cast<std::size_t>(n)))) {
      return fmt::format("a datagram of {} bytes is not the one of {} that was due", n, due.size());
    }
  }
  return {};
}

std::string datagrams_one_way(int from, int to, std::uint64_t bytes, std::size_t payload,
                              std::uint64_t seed) {
  const int size = static_cast<int>(payload);
  if (::setsockopt(from, SOL_UDP, UDP_SEGMENT, &size, sizeof size) != 0) {
    return fault("UDP_SEGMENT is refused", 0);
  }
  const std::size_t whole = std::min(kPiece / payload, kPieceDatagrams) * payload;
  KnownStream stream(seed);
  std::vector<std::uint8_t> piece;
  for (std::uint64_t at = 0; at < bytes; at += piece.size()) {
    piece.clear();
    while (piece.size() < whole && stream.position() < bytes) {
      const auto room = std::min<std::uint64_t>(whole - piece.size(), bytes - stream.position());
      const Bytes more = stream.next(room);
      piece.insert(piece.end(), more.begin(), more.end());
    }
    const std::string wrong = pass(from, to, piece, payload);
    if (!wrong.empty()) return fmt::format("{}, of those from byte {}", wrong, at);
  }
  return {};
}

// The target's end answers whoever spoke to it first: the address that translation gave the client.
bool answer_who_speaks(int target) {
  std::uint8_t word = 0;
  sockaddr_storage who{};
  socklen_t size = sizeof who;
  return ::recvfrom(target, &word, 1, 0, reinterpret_cast<sockaddr*>(&who), &size) == 1 &&
         ::connect(target, reinterpret_cast<const sockaddr*>(&who), size) == 0;
}

}  // namespace

std::string carry_stream(const Course& course, const Amount& amount, std::uint64_t seed) {
  const Fd listener = bound_socket(course.target, kStreamPort, SOCK_STREAM);
  wait_no_longer_than(listener.get(), 20);
  const Fd client = connected_socket(course.client, course.to, kStreamPort, SOCK_STREAM);
  if (!client) return "no connection";
  const Fd target(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!target) return fault("no connection", 0);
  for (const int fd : {client.get(), target.get()}) wait_no_longer_than(fd, 30);
  auto up = std::async(std::launch::async, one_way, client.get(), target.get(), amount.up,
                       seed * 4 + kUp);
  const std::string down = one_way(target.get(), client.get(), amount.down, seed * 4 + kDown);
  return of("up", up.get()) + of("down", down);
}

std::string carry_datagrams(const Course& course, const Amount& amount, std::size_t payload,
                            std::uint64_t seed) {
  const Fd target = bound_socket(course.target, kDatagramPort, SOCK_DGRAM);
  const Fd client = connected_socket(course.client, course.to, kDatagramPort, SOCK_DGRAM);
  for (const int fd : {client.get(), target.get()}) wait_no_longer_than(fd, 10);
  if (::send(client.get(), "?", 1, 0) != 1 || !answer_who_speaks(target.get())) {
    return fault("no datagram arrives", 0);
  }
  const std::string up =
      datagrams_one_way(client.get(), target.get(), amount.up, payload, seed * 4 + kUp);
  const std::string down =
      datagrams_one_way(target.get(), client.get(), amount.down, payload, seed * 4 + kDown);
  return of("datagrams up", up) + of("datagrams down", down);
}

}  // namespace vpnd::test
