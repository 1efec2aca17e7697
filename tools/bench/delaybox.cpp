// SPDX-License-Identifier: ISC
// One direction of a wide-area link, for kernels without netem:
//
//   delaybox DEVICE DELAY_US MBIT LOSS_PPM QUEUE_BYTES
//
// Reads packets from the TUN device, loses some at random, queues the others before a bottleneck
// (MBIT 0: there is none) whose queue drops what does not fit, and writes each back DELAY_US after
// it has left the bottleneck. Their order is kept. The router sends one direction into the device
// by a rule; what comes back out is routed as usual.

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t kSlots = 32768;
constexpr int kReadsAtOnce = 64;
constexpr std::int64_t kIdle = 500 * 1000 * 1000;  // ns

struct Slot {
  std::int64_t due = 0;  // ns
  std::size_t length = 0;
  std::array<char, 2032> packet{};
};

struct Link {
  std::int64_t delay;  // ns
  std::int64_t mbit;
  std::int64_t loss;   // of a million
  std::int64_t queue;  // bytes
};

std::int64_t now_ns() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

int open_tun(const char* name) {
  const int fd = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) fail("/dev/net/tun");
  ifreq request{};
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  if (::ioctl(fd, TUNSETIFF, &request) != 0) fail(name);
  return fd;
}

class Box {
 public:
  Box(int fd, const Link& link) : fd_(fd), link_(link), ring_(kSlots) {}

  [[noreturn]] void run() {
    for (;;) {
      write_due();
      const std::int64_t next = head_ == tail_ ? kIdle : slot(head_).due - now_ns();
      const timespec limit{0, std::clamp<std::int64_t>(next, 0, kIdle)};
      pollfd ready{fd_, POLLIN, 0};
      if (::ppoll(&ready, 1, &limit, nullptr) > 0) read_some();
    }
  }

 private:
  Slot& slot(std::uint64_t at) { return ring_[at % kSlots]; }

  void write_due() {
    const std::int64_t now = now_ns();
    for (; head_ != tail_ && slot(head_).due <= now; ++head_) {
      (void)!::write(fd_, slot(head_).packet.data(), slot(head_).length);
    }
  }

  void read_some() {
    for (int i = 0; i < kReadsAtOnce; ++i) {
      if (tail_ - head_ == kSlots) {  // the device's own queue drops meanwhile
        std::this_thread::sleep_for(std::chrono::microseconds(100));
        return;
      }
      Slot& next = slot(tail_);
      const ssize_t n = ::read(fd_, next.packet.data(), next.packet.size());
      if (n <= 0) return;
      next.length = static_cast<std::size_t>(n);
      if (!lost() && passes(next)) ++tail_;
    }
  }

  bool lost() { return any_(random_) < link_.loss; }

  // Through the bottleneck; false if its queue is full.
  bool passes(Slot& packet) {
    free_at_ = std::max(free_at_, now_ns());
    if (link_.mbit > 0) {
      const std::int64_t waiting = (free_at_ - now_ns()) * link_.mbit / 8000;
      if (waiting > link_.queue) return false;
      free_at_ += static_cast<std::int64_t>(packet.length) * 8000 / link_.mbit;
    }
    packet.due = free_at_ + link_.delay;
    return true;
  }

  int fd_;
  Link link_;
  std::vector<Slot> ring_;
  std::uint64_t head_ = 0, tail_ = 0;  // the next to write, the next to fill
  std::int64_t free_at_ = 0;           // when the bottleneck has sent all that it took
  std::minstd_rand random_{20240501};  // the same losses in every run
  std::uniform_int_distribution<std::int64_t> any_{0, 999999};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr, "usage: see the beginning of delaybox.cpp\n");
    return 2;
  }
  const Link link{std::atoll(argv[2]) * 1000, std::atoll(argv[3]), std::atoll(argv[4]),
                  std::atoll(argv[5])};
  ::prctl(PR_SET_TIMERSLACK, 1000UL);
  Box(open_tun(argv[1]), link).run();
}
