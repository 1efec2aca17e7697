// SPDX-License-Identifier: ISC
#include "linux/packet_ring.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <utility>

#include "core/base/error.h"

namespace vpnd::nl {

PacketRing::PacketRing(Fd socket, int device, unsigned blocks, const char* doing)
    : socket_(std::move(socket)), frames_(std::size_t{kFramesABlock} * blocks) {
  const int version = TPACKET_V2;
  const tpacket_req ring{kFrame * kFramesABlock, blocks, kFrame, static_cast<unsigned>(frames_)};
  if (::setsockopt(fd(), SOL_PACKET, PACKET_VERSION, &version, sizeof version) != 0 ||
      ::setsockopt(fd(), SOL_PACKET, PACKET_RX_RING, &ring, sizeof ring) != 0) {
    throw Error(doing, errno, {}, Exit::os);
  }
  void* at = ::mmap(nullptr, frames_ * kFrame, PROT_READ | PROT_WRITE, MAP_SHARED, fd(), 0);
  if (at == MAP_FAILED) throw Error(doing, errno, {}, Exit::os);
  ring_ = static_cast<std::uint8_t*>(at);
  sockaddr_ll here{};
  here.sll_family = AF_PACKET;
  here.sll_protocol = htons(ETH_P_ALL);
  here.sll_ifindex = device;
  if (::bind(fd(), reinterpret_cast<sockaddr*>(&here), sizeof here) != 0) {
    const int error = errno;
    ::munmap(ring_, frames_ * kFrame);
    throw Error(doing, error, {}, Exit::os);
  }
}

PacketRing::~PacketRing() {
  ::munmap(ring_, frames_ * kFrame);
}

bool PacketRing::drain(
    const std::function<void(const tpacket2_hdr&, const std::uint8_t* at)>& use) {
  for (std::size_t n = 0; n < frames_; ++n) {
    std::uint8_t* at = ring_ + next_ * kFrame;
    auto* header = reinterpret_cast<tpacket2_hdr*>(at);
    // The kernel writes the status last.
    std::atomic_ref<std::uint32_t> status(header->tp_status);
    if ((status.load(std::memory_order_acquire) & TP_STATUS_USER) == 0) return true;
    use(*header, at);
    status.store(TP_STATUS_KERNEL, std::memory_order_release);
    next_ = (next_ + 1) % frames_;
  }
  return false;
}

std::optional<std::uint64_t> PacketRing::lost() const noexcept {
  tpacket_stats stats{};
  socklen_t size = sizeof stats;
  if (::getsockopt(fd(), SOL_PACKET, PACKET_STATISTICS, &stats, &size) != 0) return std::nullopt;
  return stats.tp_drops;
}

}  // namespace vpnd::nl
