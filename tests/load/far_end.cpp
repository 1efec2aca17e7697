// SPDX-License-Identifier: ISC
#include "tests/load/far_end.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <map>
#include <vector>

#include "core/base/error.h"
#include "linux/fd.h"
#include "tests/load/message.h"

namespace vpnd::load {
namespace {

using Steady = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr int kBuffer = 16 * 1024 * 1024;
constexpr int kReads = 64;                                        // before others have their turn
constexpr std::size_t kFloodPacket = 11 * std::size_t{kSegment};  // one every few milliseconds

struct Peer {
  sockaddr_in address{};
  std::uint64_t arrived = 0, highest = 0, told = 0;  // upload
  std::uint64_t sent = 0, credit = 0;                // download
  double rate = 0, owed = 0;                         // flood: bytes a second
  Steady::time_point until{}, last{};
};

class FarEnd {
 public:
  explicit FarEnd(std::uint16_t port);
  [[noreturn]] void run();

 private:
  void read_all();
  void arrived(const sockaddr_in& from, Bytes payload);
  void acknowledge();
  bool send_due();  // false: the socket is full
  bool send_data(Peer&, std::size_t size);
  bool flooding() const noexcept;

  Fd fd_;
  std::map<std::uint64_t, Peer> peers_;
  std::vector<std::uint8_t> in_, out_;
};

FarEnd::FarEnd(std::uint16_t port)
    : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)),
      in_(65536),
      out_(kLargest) {
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_port = htons(port);
  const int on = 1;
  if (!fd_ || ::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0) {
    throw Error("open the far end's socket", errno);
  }
  // Whole packets both ways, where the kernel can; it does without, too.
  (void)::setsockopt(fd_.get(), SOL_UDP, UDP_GRO, &on, sizeof on);
  for (const int which : {SO_RCVBUFFORCE, SO_SNDBUFFORCE}) {
    (void)::setsockopt(fd_.get(), SOL_SOCKET, which, &kBuffer, sizeof kBuffer);
  }
}

void FarEnd::arrived(const sockaddr_in& from, Bytes payload) {
  const auto message = read_message(payload);
  if (!message) return;
  Peer& p = peers_[std::uint64_t{from.sin_addr.s_addr} << 16 | from.sin_port];
  p.address = from;
  switch (message->type) {
    case Type::data:
      p.arrived += payload.size();
      p.highest = std::max(p.highest, message->value + payload.size());
      break;
    case Type::credit:
      p.credit = std::max(p.credit, message->value);
      break;
    case Type::flood:
      p.rate = static_cast<double>(message->value);
      p.owed = 0;
      p.last = Steady::now();
      p.until = p.last + std::chrono::milliseconds(message->extra);
      break;
    case Type::ack:
      break;
  }
}

void FarEnd::read_all() {
  for (int i = 0; i < kReads; ++i) {
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const auto n =
        ::recvfrom(fd_.get(), in_.data(), in_.size(), 0, reinterpret_cast<sockaddr*>(&from), &size);
    if (n < 0) break;
    arrived(from, Bytes(in_).first(static_cast<std::size_t>(n)));
  }
}

void FarEnd::acknowledge() {
  ByteArray<kHead> head;
  for (auto& [key, p] : peers_) {
    if (p.told == p.highest) continue;
    write_message({Type::ack, p.highest, p.arrived}, head.data());
    const auto n = ::sendto(fd_.get(), head.data(), head.size(), 0,
                            reinterpret_cast<const sockaddr*>(&p.address), sizeof p.address);
    if (n < 0) return;
    p.told = p.highest;
  }
}

bool FarEnd::send_data(Peer& p, std::size_t size) {
  const MutBytes payload = MutBytes(out_).first(size);
  write_data(p.sent, payload);
  alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(std::uint16_t))> control{};
  iovec part{payload.data(), payload.size()};
  msghdr m{};
  m.msg_name = &p.address;
  m.msg_namelen = sizeof p.address;
  m.msg_iov = &part;
  m.msg_iovlen = 1;
  m.msg_control = control.data();
  m.msg_controllen = control.size();
  cmsghdr* c = CMSG_FIRSTHDR(&m);
  c->cmsg_level = SOL_UDP;
  c->cmsg_type = UDP_SEGMENT;
  c->cmsg_len = CMSG_LEN(sizeof kSegment);
  std::memcpy(CMSG_DATA(c), &kSegment, sizeof kSegment);
  if (::sendmsg(fd_.get(), &m, 0) < 0) return false;
  p.sent += size;
  return true;
}

// One packet for each that may have one, in turn, so that none waits for another's window.
bool FarEnd::send_due() {
  const auto now = Steady::now();
  for (bool more = true; more;) {
    more = false;
    for (auto& [key, p] : peers_) {
      if (p.rate > 0) {
        p.owed += p.rate * std::chrono::duration<double>(now - p.last).count();
        p.last = now;
        if (now >= p.until) p.rate = 0;
      }
      if (p.owed >= kFloodPacket) {
        p.owed -= kFloodPacket;
        if (!send_data(p, kFloodPacket)) return false;
        more = true;
      }
      const std::uint64_t may = p.credit > p.sent ? p.credit - p.sent : 0;
      if (may < kLargest) continue;
      if (!send_data(p, kLargest)) return false;
      more = true;
    }
  }
  return true;
}

bool FarEnd::flooding() const noexcept {
  return std::ranges::any_of(peers_, [](const auto& p) { return p.second.rate > 0; });
}

void FarEnd::run() {
  std::puts("ready");
  std::fflush(stdout);
  bool full = false;
  for (;;) {
    pollfd p{fd_.get(), static_cast<short>(full ? POLLIN | POLLOUT : POLLIN), 0};
    if (::poll(&p, 1, flooding() ? 1 : -1) < 0 && errno != EINTR) throw Error("wait", errno);
    read_all();
    acknowledge();
    full = !send_due();
  }
}

}  // namespace

void run_far_end(std::uint16_t port) {
  FarEnd(port).run();
}

}  // namespace vpnd::load
