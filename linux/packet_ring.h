// SPDX-License-Identifier: ISC
#pragma once

// A packet socket whose frames come through a ring that is shared with the kernel (packet(7),
// Documentation/networking/packet_mmap.rst). Frames are cut to kFrame bytes, headers included.

#include <linux/if_packet.h>

#include <cstdint>
#include <functional>
#include <optional>

#include "linux/fd.h"

namespace vpnd::nl {

class PacketRing {
 public:
  static constexpr unsigned kFrame = 256;
  static constexpr unsigned kFramesABlock = (1 << 16) / kFrame;

  // Takes a socket without a protocol, which hears nothing yet. `device`: its index; 0: all of the
  // namespace. Throws Error (Exit::os) that says it cannot `doing`.
  PacketRing(Fd socket, int device, unsigned blocks, const char* doing);
  ~PacketRing();
  PacketRing(const PacketRing&) = delete;
  PacketRing& operator=(const PacketRing&) = delete;

  int fd() const noexcept { return socket_.get(); }
  // What waits, but no more than there can be at once: under heavy traffic the caller has other
  // things to do, too. `at` is where the header begins; the offsets in it count from there. False:
  // there may be more.
  bool drain(const std::function<void(const tpacket2_hdr&, const std::uint8_t* at)>& use);
  // Frames since the last call for which there was no room; nullopt: errno says why that is
  // unknown.
  std::optional<std::uint64_t> lost() const noexcept;

 private:
  Fd socket_;
  std::size_t frames_, next_ = 0;
  std::uint8_t* ring_ = nullptr;
};

}  // namespace vpnd::nl
