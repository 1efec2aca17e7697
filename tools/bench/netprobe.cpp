// SPDX-License-Identifier: ISC
// What the benchmark needs and does not get from ping or iperf3:
//
//   netprobe probe IP INTERVAL_US MS        ICMP echoes; for each reply CLOCK_NS SEQUENCE RTT_US
//   netprobe sink PORT                      takes datagrams until they stop; one line of JSON
//   netprobe flood IP PORT BYTES PPS MS     sends datagrams; PPS 0: as fast as it goes; JSON
//   netprobe segments IP PORT BYTES PPS MS  the same, many to a call, which the kernel cuts
//
// The clock is CLOCK_MONOTONIC. BYTES is the data of one datagram.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>
#include <vector>

#ifndef UDP_SEGMENT  // Linux 4.18
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO  // Linux 5.0
#define UDP_GRO 104
#endif

namespace {

constexpr std::size_t kBatch = 64;               // datagrams in one system call
constexpr std::size_t kMostSegments = 64;        // of older kernels
constexpr std::size_t kMostAtOnce = 65000;       // bytes that fit into one packet before it is cut
constexpr std::size_t kLongest = 65536;          // what is received at once
constexpr std::int64_t kMs = 1000 * 1000;        // in ns
constexpr std::int64_t kPatience = 20000 * kMs;  // for the first datagram

using Words = std::vector<const char*>;

std::int64_t now_ns() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

std::int64_t number(const char* word) {
  char* end = nullptr;
  const std::int64_t value = std::strtoll(word, &end, 10);
  if (*word == '\0' || *end != '\0' || value < 0) {
    std::fprintf(stderr, "netprobe: \"%s\" is no number\n", word);
    std::exit(2);
  }
  return value;
}

sockaddr_in place(const char* ip, std::int64_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (inet_pton(AF_INET, ip, &address.sin_addr) != 1) {
    std::fprintf(stderr, "netprobe: \"%s\" is no IPv4 address\n", ip);
    std::exit(2);
  }
  return address;
}

const sockaddr* plain(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

// --- probe

struct Echo {
  icmphdr header;
  std::int64_t sent;
};

std::uint16_t checksum(const Echo& echo) {
  std::array<std::uint16_t, sizeof(Echo) / 2> words{};
  std::memcpy(words.data(), &echo, sizeof(echo));
  std::uint32_t sum = 0;
  for (const std::uint16_t word : words) sum += word;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

void send_echo(int fd, const sockaddr_in& to, std::uint16_t id, std::uint16_t sequence) {
  Echo echo{};
  echo.header.type = ICMP_ECHO;
  echo.header.un.echo.id = id;
  echo.header.un.echo.sequence = htons(sequence);
  echo.sent = now_ns();
  echo.header.checksum = checksum(echo);
  // No route yet, or a device that is down, is an answer that the caller waits through.
  (void)::sendto(fd, &echo, sizeof(echo), MSG_DONTWAIT, plain(to), sizeof(to));
}

// Prints the reply that waits, if it is one to us.
void take_reply(int fd, std::uint16_t id) {
  constexpr std::size_t kIpHeader = 20;
  std::array<char, 2048> packet{};
  const ssize_t n = ::recv(fd, packet.data(), packet.size(), MSG_DONTWAIT);
  if (n < static_cast<ssize_t>(kIpHeader + sizeof(Echo))) return;
  Echo echo{};
  std::memcpy(&echo, packet.data() + kIpHeader, sizeof(echo));
  if (echo.header.type != ICMP_ECHOREPLY || echo.header.un.echo.id != id) return;
  const std::int64_t now = now_ns();
  std::printf("%lld %u %lld\n", static_cast<long long>(now), ntohs(echo.header.un.echo.sequence),
              static_cast<long long>((now - echo.sent) / 1000));
  std::fflush(stdout);
}

int probe(const Words& words) {
  const sockaddr_in to = place(words[0], 0);
  const std::int64_t interval = number(words[1]) * 1000, end = now_ns() + number(words[2]) * kMs;
  const auto id = static_cast<std::uint16_t>(::getpid());
  const int fd = ::socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
  if (fd < 0) fail("socket");
  std::uint16_t sequence = 0;
  std::int64_t next = now_ns();
  for (std::int64_t now = next; now < end; now = now_ns()) {
    if (now >= next) {
      send_echo(fd, to, id, sequence++);
      next = std::max(next + interval, now);
    }
    const std::int64_t wait = std::clamp<std::int64_t>(next - now_ns(), 0, 900 * kMs);
    const timespec limit{0, wait};
    pollfd ready{fd, POLLIN, 0};
    if (::ppoll(&ready, 1, &limit, nullptr) > 0) take_reply(fd, id);
  }
  return 0;
}

// --- datagrams

// As many messages as one call takes, each with a buffer of its own.
class Batch {
 public:
  explicit Batch(std::size_t bytes) : bytes_(bytes), memory_(kBatch * bytes) {
    for (std::size_t i = 0; i < kBatch; ++i) {
      parts_[i] = {data(i), bytes};
      messages_[i].msg_hdr.msg_iov = &parts_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
    }
  }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  // Before each receiving: what the kernel says of each message beside its data.
  void want_control() {
    for (std::size_t i = 0; i < kBatch; ++i) {
      messages_[i].msg_hdr.msg_control = control_[i].data();
      messages_[i].msg_hdr.msg_controllen = control_[i].size();
    }
  }
  char* data(std::size_t i) { return memory_.data() + i * bytes_; }
  mmsghdr* messages() { return messages_.data(); }
  mmsghdr& message(std::size_t i) { return messages_[i]; }

 private:
  std::size_t bytes_;
  std::vector<char> memory_;
  std::array<iovec, kBatch> parts_{};
  std::array<mmsghdr, kBatch> messages_{};
  alignas(cmsghdr) std::array<std::array<char, 64>, kBatch> control_{};
};

// How long each datagram of a received message is, if the kernel put several into one.
std::size_t segment_size(mmsghdr& message) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&message.msg_hdr); c; c = CMSG_NXTHDR(&message.msg_hdr, c)) {
    if (c->cmsg_level != IPPROTO_UDP || c->cmsg_type != UDP_GRO) continue;
    int size = 0;
    std::memcpy(&size, CMSG_DATA(c), sizeof(size));
    if (size > 0) return static_cast<std::size_t>(size);
  }
  return std::max<std::size_t>(message.msg_len, 1);
}

struct Arrived {
  std::int64_t packets = 0, bytes = 0, late = 0, highest = -1;

  void add(const char* data, std::size_t length, std::size_t segment) {
    for (std::size_t at = 0; at < length; at += segment) {
      std::int64_t sequence = 0;
      std::memcpy(&sequence, data + at, std::min(sizeof(sequence), length - at));
      if (sequence < highest) ++late;
      highest = std::max(highest, sequence);
      ++packets;
    }
    bytes += static_cast<std::int64_t>(length);
  }
};

int listening(std::int64_t port) {
  const sockaddr_in here = place("0.0.0.0", port);
  const int fd = ::socket(AF_INET, SOCK_DGRAM, 0), buffer = 8 << 20, on = 1;
  const timeval idle{0, 700000};
  if (fd < 0 || ::bind(fd, plain(here), sizeof(here)) != 0) fail("bind");
  (void)::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
  (void)::setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on));
  if (::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &idle, sizeof(idle)) != 0) fail("SO_RCVTIMEO");
  return fd;
}

int sink(const Words& words) {
  const int fd = listening(number(words[0]));
  Batch batch(kLongest);
  Arrived arrived;
  std::int64_t first = 0, last = 0;
  const std::int64_t give_up = now_ns() + kPatience;
  while (now_ns() < give_up) {
    batch.want_control();
    const int n = ::recvmmsg(fd, batch.messages(), kBatch, MSG_WAITFORONE, nullptr);
    if (n <= 0 && arrived.packets > 0) break;
    if (n <= 0) continue;
    last = now_ns();
    if (first == 0) first = last;
    for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
      arrived.add(batch.data(i), batch.message(i).msg_len, segment_size(batch.message(i)));
    }
  }
  std::printf("{\"packets\": %lld, \"bytes\": %lld, \"seconds\": %.6f, \"out_of_order\": %lld}\n",
              static_cast<long long>(arrived.packets), static_cast<long long>(arrived.bytes),
              static_cast<double>(last - first) / 1e9, static_cast<long long>(arrived.late));
  return 0;
}

// Sends as many numbered datagrams as are due.
class Sender {
 public:
  Sender(const char* ip, std::int64_t port, std::size_t bytes) : bytes_(bytes), batch_(kLongest) {
    const sockaddr_in to = place(ip, port);
    fd_ = ::socket(AF_INET, SOCK_DGRAM, 0);
    if (fd_ < 0 || ::connect(fd_, plain(to), sizeof(to)) != 0) fail("connect");
    for (std::size_t i = 0; i < kBatch; ++i) batch_.message(i).msg_hdr.msg_iov->iov_len = bytes_;
  }

  // False where the kernel will not.
  bool cut_by_kernel() {
    const int size = static_cast<int>(bytes_);
    return ::setsockopt(fd_, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)) == 0;
  }

  void send_each(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) put_number(batch_.data(i), i);
    const int n = ::sendmmsg(fd_, batch_.messages(), static_cast<unsigned>(count), 0);
    counted(n > 0 ? n : 0);
  }

  // False: this way out does not take datagrams that are still to be cut.
  bool send_as_one(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) put_number(batch_.data(0) + i * bytes_, i);
    const ssize_t n = ::send(fd_, batch_.data(0), count * bytes_, 0);
    if (n < 0 && (errno == EIO || errno == EINVAL || errno == EMSGSIZE)) return false;
    counted(n > 0 ? static_cast<std::int64_t>(count) : 0);
    return true;
  }

  void no_longer_cut() {
    const int none = 0;
    (void)::setsockopt(fd_, IPPROTO_UDP, UDP_SEGMENT, &none, sizeof(none));
  }

  std::int64_t sent() const { return sent_; }
  std::int64_t refused() const { return refused_; }

 private:
  void put_number(char* to, std::size_t i) const {
    const std::int64_t sequence = sent_ + static_cast<std::int64_t>(i);
    std::memcpy(to, &sequence, sizeof(sequence));
  }
  void counted(std::int64_t n) {
    sent_ += n;
    if (n == 0) ++refused_;
  }

  std::size_t bytes_;
  Batch batch_;
  int fd_ = -1;
  std::int64_t sent_ = 0, refused_ = 0;
};

int send_for(const Words& words, bool segments) {
  const auto bytes = static_cast<std::size_t>(number(words[2]));
  const std::int64_t pps = number(words[3]), duration = number(words[4]) * kMs;
  if (bytes < sizeof(std::int64_t) || bytes > 2048) {
    std::fprintf(stderr, "netprobe: BYTES is 8 to 2048\n");
    return 2;
  }
  Sender sender(words[0], number(words[1]), bytes);
  bool whole = segments && sender.cut_by_kernel();
  const auto most = static_cast<std::int64_t>(std::min(kMostSegments, kMostAtOnce / bytes));
  const std::int64_t start = now_ns();
  for (std::int64_t now = start; now < start + duration; now = now_ns()) {
    const double so_far = static_cast<double>(now - start) / 1e9 * static_cast<double>(pps);
    const std::int64_t due =
        pps == 0 ? most : std::min(static_cast<std::int64_t>(so_far) - sender.sent(), most);
    if (due < (whole ? most : 1)) {
      std::this_thread::sleep_for(std::chrono::microseconds(50));
      continue;
    }
    if (whole && !sender.send_as_one(static_cast<std::size_t>(due))) {
      sender.no_longer_cut();
      whole = false;
    }
    if (!whole) sender.send_each(static_cast<std::size_t>(due));
  }
  std::printf("{\"sent\": %lld, \"refused\": %lld, \"seconds\": %.6f, \"segmented\": %s}\n",
              static_cast<long long>(sender.sent()), static_cast<long long>(sender.refused()),
              static_cast<double>(now_ns() - start) / 1e9, whole ? "true" : "false");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  const Words words(argv + std::min(argc, 2), argv + argc);
  if (what == "probe" && words.size() == 3) return probe(words);
  if (what == "sink" && words.size() == 1) return sink(words);
  if (what == "flood" && words.size() == 5) return send_for(words, false);
  if (what == "segments" && words.size() == 5) return send_for(words, true);
  std::fprintf(stderr, "usage: see the beginning of netprobe.cpp\n");
  return 2;
}
