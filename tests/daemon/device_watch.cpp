// SPDX-License-Identifier: ISC
#include "tests/daemon/device_watch.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <vector>

#include "core/base/error.h"
#include "tests/support/packets.h"

namespace vpnd::test {
namespace {

constexpr int kRoom = 128 << 20;  // what comes while nobody reads
constexpr int kPatience = 100;    // ms of silence, after which all has come

std::size_t length_of(Bytes p) {
  return p[0] >> 4 == 6 ? load_be16(&p[4]) + 40u : load_be16(&p[2]);
}

// Of whole TCP segments and datagrams; what else there is has a sum of its own kind, or none.
bool sums_are_good(Bytes p) {
  const bool v6 = p[0] >> 4 == 6;
  const std::uint8_t protocol = v6 ? p[6] : p[9];
  const std::size_t header = v6 ? 40 : (p[0] & 15u) * 4;
  const bool fragment = !v6 && (load_be16(&p[6]) & 0x3fff) != 0;
  if (!v6 && plain_sum(p.first(header)) != 0xffff) return false;
  if (fragment || (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)) return true;
  if (p.size() < header + 8) return false;
  if (protocol == IPPROTO_UDP && !v6 && load_be16(&p[header + 6]) == 0) return true;
  return checksums_good(p);
}

}  // namespace

std::string Crossed::faults() const {
  std::string out;
  const auto add = [&](std::uint64_t n, const std::string& what) {
    if (n != 0) out += fmt::format("{} of {} {}\n", n, packets, what);
  };
  add(too_long, fmt::format("are longer than the MTU, up to {} bytes", longest));
  add(bad_length, "have another length than their header says");
  add(bad_sum, "have a wrong checksum");
  return out;
}

DeviceWatch::DeviceWatch(const Namespace& ns, const std::string& device, std::size_t mtu)
    : mtu_(mtu) {
  ns.run([&] {
    // No protocol yet: until it is bound, packets of other devices would come too.
    socket_ = Fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    sockaddr_ll at{};
    at.sll_family = AF_PACKET;
    at.sll_protocol = htons(ETH_P_ALL);
    at.sll_ifindex = static_cast<int>(::if_nametoindex(device.c_str()));
    if (!socket_ || at.sll_ifindex == 0 ||
        ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kRoom, sizeof kRoom) != 0 ||
        ::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) {
      throw Error("watch " + device, errno);
    }
  });
  thread_ = std::thread([this] { look(); });
}

DeviceWatch::~DeviceWatch() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

void DeviceWatch::look() {
  std::vector<std::uint8_t> room(1 << 17);
  for (;;) {
    const bool last = stopping_;
    pollfd wait{socket_.get(), POLLIN, 0};
    if (::poll(&wait, 1, kPatience) <= 0) {
      if (last) return;
      continue;
    }
    sockaddr_ll from{};
    socklen_t size = sizeof from;
    const ssize_t n = ::recvfrom(socket_.get(), room.data(), room.size(), 0,
                                 reinterpret_cast<sockaddr*>(&from), &size);
    if (n < 20) continue;
    count(from.sll_pkttype == PACKET_OUTGOING ? to_program : to_kernel,
          Bytes(room).first(static_cast<std::size_t>(n)), mtu_);
  }
}

void DeviceWatch::count(Crossed& crossed, Bytes packet, std::size_t mtu) {
  ++crossed.packets;
  crossed.bytes += packet.size();
  crossed.longest = std::max(crossed.longest, packet.size());
  if (packet.size() > mtu) ++crossed.too_long;
  if ((packet[0] >> 4 == 6 && packet.size() < 40) || length_of(packet) != packet.size()) {
    ++crossed.bad_length;
  } else if (!sums_are_good(packet)) {
    ++crossed.bad_sum;
  }
}

void DeviceWatch::stop() {
  stopping_ = true;
  thread_.join();
  tpacket_stats stats{};
  socklen_t size = sizeof stats;
  if (::getsockopt(socket_.get(), SOL_PACKET, PACKET_STATISTICS, &stats, &size) != 0) {
    throw Error("count what the watch missed", errno);
  }
  if (stats.tp_drops != 0) throw Error(fmt::format("the watch missed {} packets", stats.tp_drops));
}

}  // namespace vpnd::test
