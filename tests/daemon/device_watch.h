// SPDX-License-Identifier: ISC
#pragma once

// Looks at each packet that crosses a tunnel device, where the kernel gives it to the program and
// where the program gives it to the kernel.

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include "core/base/bytes.h"
#include "linux/fd.h"
#include "tests/support/netns.h"

namespace vpnd::test {

struct Crossed {
  std::uint64_t packets = 0, bytes = 0;
  std::size_t longest = 0;
  std::uint64_t too_long = 0;    // longer than the MTU
  std::uint64_t bad_length = 0;  // another length than its header says
  std::uint64_t bad_sum = 0;     // a wrong or unfinished checksum of IPv4, TCP or UDP
  // What of the last three there was, in words; empty: none of it.
  std::string faults() const;
};

class DeviceWatch {
 public:
  // Throws Error.
  DeviceWatch(const Namespace&, const std::string& device, std::size_t mtu);
  DeviceWatch(const DeviceWatch&) = delete;
  DeviceWatch& operator=(const DeviceWatch&) = delete;
  ~DeviceWatch();
  // Ends it, after what came until now; the rest is valid then. Throws Error if packets passed that
  // it could not look at.
  void stop();
  Crossed to_program, to_kernel;

 private:
  void look();
  static void count(Crossed&, Bytes packet, std::size_t mtu);

  std::size_t mtu_;
  Fd socket_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace vpnd::test
