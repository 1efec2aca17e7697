// SPDX-License-Identifier: ISC
#pragma once

// Sees what leaves by every device of a network namespace, through one packet socket with a shared
// ring (packet(7), Documentation/networking/packet_mmap.rst). Frames are cut to a few hundred
// bytes.

#include <cstdint>
#include <functional>
#include <string>

#include "core/base/bytes.h"
#include "linux/fd.h"

namespace vpnd::nl {

// "Local experimental" (IEEE 802, 12): nobody speaks it.
inline constexpr std::uint16_t kPlantType = 0x88b5;

class LeakWatch {
 public:
  LeakWatch();  // throws Error: Exit::permission, or Exit::os
  ~LeakWatch();
  LeakWatch(const LeakWatch&) = delete;
  LeakWatch& operator=(const LeakWatch&) = delete;

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
  Fd socket_;
  std::uint8_t* ring_ = nullptr;
  std::size_t next_ = 0;
};

// Sends one frame of kPlantType from a device to itself: nobody but it would take it. Not so: the
// device is gone, or it is neither an Ethernet nor the loopback, where such a frame may mean
// something. Throws Error with the device's name.
bool plant_frame(int device, const std::string& name, Bytes payload);

}  // namespace vpnd::nl
