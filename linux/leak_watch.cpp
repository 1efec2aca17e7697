// SPDX-License-Identifier: ISC
#include "linux/leak_watch.h"

#include <arpa/inet.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "core/base/error.h"

namespace vpnd::nl {
namespace {

// Room for a tenth of a second of the smallest packets at a million a second.
constexpr unsigned kBlocks = 384;

Fd packet_socket() {
  // No protocol yet: it hears nothing until it is bound.
  Fd fd(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd) return fd;
  const bool refused = errno == EPERM || errno == EACCES;
  throw Error("watch the network", errno, {}, refused ? Exit::permission : Exit::os,
              refused ? "A leak check needs root, or CAP_NET_RAW; run it with sudo." : "");
}

}  // namespace

LeakWatch::LeakWatch() : ring_(packet_socket(), 0, kBlocks, "watch the network") {}

void LeakWatch::drain(const std::function<void(const Frame&)>& use) {
  ring_.drain([&](const tpacket2_hdr& header, const std::uint8_t* at) {
    const auto* from = reinterpret_cast<const sockaddr_ll*>(at + TPACKET_ALIGN(sizeof header));
    if (from->sll_pkttype != PACKET_OUTGOING) return;
    use({from->sll_ifindex, ntohs(from->sll_protocol), {at + header.tp_net, header.tp_snaplen}});
  });
}

void LeakWatch::wait(int milliseconds) const noexcept {
  pollfd more{ring_.fd(), POLLIN, 0};
  ::poll(&more, 1, milliseconds);
}

std::uint64_t LeakWatch::lost() const noexcept {
  return ring_.lost().value_or(1);  // not to know is not to have lost nothing
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
