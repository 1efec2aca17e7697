// SPDX-License-Identifier: ISC
#include "linux/leak_watch.h"

#include <arpa/inet.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>

#include "core/base/error.h"

namespace vpnd::nl {
namespace {

// Room for a tenth of a second of the smallest packets at a million a second.
constexpr unsigned kFrame = 256, kBlock = 1 << 16, kBlocks = 384;
constexpr std::size_t kFrames = std::size_t{kBlock} / kFrame * kBlocks;
constexpr std::size_t kRing = std::size_t{kBlock} * kBlocks;

Fd packet_socket() {
  // No protocol yet: it hears nothing until it is bound.
  Fd fd(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd) return fd;
  const bool refused = errno == EPERM || errno == EACCES;
  throw Error("watch the network", errno, {}, refused ? Exit::permission : Exit::os,
              refused ? "A leak check needs root, or CAP_NET_RAW; run it with sudo." : "");
}

[[noreturn]] void fail(int error) {
  throw Error("watch the network", error, {}, Exit::os);
}

}  // namespace

LeakWatch::LeakWatch() : socket_(packet_socket()) {
  const int version = TPACKET_V2;
  const tpacket_req ring{kBlock, kBlocks, kFrame, static_cast<unsigned>(kFrames)};
  if (::setsockopt(socket_.get(), SOL_PACKET, PACKET_VERSION, &version, sizeof version) != 0 ||
      ::setsockopt(socket_.get(), SOL_PACKET, PACKET_RX_RING, &ring, sizeof ring) != 0) {
    fail(errno);
  }
  void* at = ::mmap(nullptr, kRing, PROT_READ | PROT_WRITE, MAP_SHARED, socket_.get(), 0);
  if (at == MAP_FAILED) fail(errno);
  ring_ = static_cast<std::uint8_t*>(at);
  sockaddr_ll all{};
  all.sll_family = AF_PACKET;
  all.sll_protocol = htons(ETH_P_ALL);
  if (::bind(socket_.get(), reinterpret_cast<sockaddr*>(&all), sizeof all) != 0) {
    const int error = errno;
    ::munmap(ring_, kRing);
    fail(error);
  }
}

LeakWatch::~LeakWatch() {
  ::munmap(ring_, kRing);
}

void LeakWatch::drain(const std::function<void(const Frame&)>& use) {
  // No more than there can be at once: under heavy traffic the caller has other things to do, too.
  for (std::size_t n = 0; n < kFrames; ++n) {
    std::uint8_t* at = ring_ + next_ * kFrame;
    auto* header = reinterpret_cast<tpacket2_hdr*>(at);
    // The kernel writes the status last.
    std::atomic_ref<std::uint32_t> status(header->tp_status);
    if ((status.load(std::memory_order_acquire) & TP_STATUS_USER) == 0) return;
    const auto* from = reinterpret_cast<const sockaddr_ll*>(at + TPACKET_ALIGN(sizeof *header));
    if (from->sll_pkttype == PACKET_OUTGOING) {
      use({from->sll_ifindex,
           ntohs(from->sll_protocol),
           {at + header->tp_net, header->tp_snaplen}});
    }
    status.store(TP_STATUS_KERNEL, std::memory_order_release);
    next_ = (next_ + 1) % kFrames;
  }
}

void LeakWatch::wait(int milliseconds) const noexcept {
  pollfd more{socket_.get(), POLLIN, 0};
  ::poll(&more, 1, milliseconds);
}

std::uint64_t LeakWatch::lost() const noexcept {
  tpacket_stats stats{};
  socklen_t size = sizeof stats;
  // Not to know is not to have lost nothing.
  if (::getsockopt(socket_.get(), SOL_PACKET, PACKET_STATISTICS, &stats, &size) != 0) return 1;
  return stats.tp_drops;
}

bool plant_frame(int device, const std::string& name, Bytes payload) {
  const Fd fd = packet_socket();
  sockaddr_ll own{};
  own.sll_family = AF_PACKET;
  own.sll_ifindex = device;
  socklen_t size = sizeof own;
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&own), sizeof own) != 0 ||
      ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&own), &size) != 0) {
    if (errno == ENODEV || errno == ENXIO) return false;
    throw Error("watch " + name, errno, {}, Exit::os);
  }
  if (own.sll_hatype != ARPHRD_ETHER && own.sll_hatype != ARPHRD_LOOPBACK) return false;
  own.sll_protocol = htons(kPlantType);
  if (::sendto(fd.get(), payload.data(), payload.size(), 0, reinterpret_cast<sockaddr*>(&own),
               sizeof own) < 0) {
    throw Error("watch " + name, errno, "it takes no frame that proves the watch", Exit::os);
  }
  return true;
}

}  // namespace vpnd::nl
