// SPDX-License-Identifier: ISC
#pragma once

// Sees what leaves by every device of a network namespace, through one packet ring.

#include <cstdint>
#include <functional>
#include <string>

#include "core/base/bytes.h"
#include "linux/packet_ring.h"

namespace vpnd::nl {

// "Local experimental" (IEEE 802, 12): nobody speaks it.
inline constexpr std::uint16_t kPlantType = 0x88b5;

class LeakWatch {
 public:
  LeakWatch();  // throws Error: Exit::permission, or Exit::os

  struct Frame {
    int device = 0;  // its index
    std::uint16_t type = 0;
    Bytes packet;  // what follows the link's header; valid during the call
  };
  // What left since the last call; what came in is passed over.
  void drain(const std::function<void(const Frame&)>& use);
  // Waits for more, but not longer than that.
  void wait(int milliseconds) const noexcept;
  // Frames since the last call for which there was no room: they passed unseen.
  std::uint64_t lost() const noexcept;

 private:
  PacketRing ring_;
};

// Sends one frame of kPlantType from a device to itself: nobody but it would take it. Not so: the
// device is gone, or it is neither an Ethernet nor the loopback, where such a frame may mean
// something. Throws Error with the device's name.
bool plant_frame(int device, const std::string& name, Bytes payload);

}  // namespace vpnd::nl
