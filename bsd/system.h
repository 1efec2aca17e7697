// SPDX-License-Identifier: ISC
#pragma once

// The calls by which network set-up reaches the kernel, and nothing above them: system.cpp makes
// them, the tests have a kernel of their own. A call returns 0 or a positive errno unless it says
// otherwise.

#include <optional>
#include <string>
#include <vector>

#include "core/base/addr.h"
#include "core/base/bytes.h"

namespace vpnd::bsd {

// An interface and the networks it is on: addresses with their prefix lengths.
struct Link {
  std::string name;
  std::uint16_t index = 0;
  bool up = false;
  std::vector<Prefix> addresses;
};

class System {
 public:
  System() = default;
  System(const System&) = delete;
  System& operator=(const System&) = delete;
  virtual ~System() = default;

  // ---- the device: a descriptor that is non-blocking and closed on exec, or -errno.
  virtual int open_device(const std::string& name) = 0;  // "tun3", "utun3"
  virtual int control(int device, std::uint32_t request, MutBytes argument) = 0;
  virtual void close(int descriptor) = 0;

  // ---- interfaces
  virtual int configure(Family, std::uint32_t request, MutBytes argument) = 0;  // an ioctl(2)
  virtual std::uint16_t index_of(const std::string& interface) = 0;             // 0: there is none
  virtual std::vector<Link> links() = 0;                                        // throws Error

  // ---- routes. The socket hears what it says itself.
  virtual int say(Bytes message) = 0;
  // The next message; its length, or -errno: -EAGAIN when none comes for a second.
  virtual int hear(MutBytes room) = 0;
  virtual std::vector<std::uint8_t> dump_routes(Family) = 0;  // messages; throws Error
  virtual std::uint32_t pid() const = 0;
  virtual std::uint32_t routing_table() const = 0;  // that this process uses

  // ---- settings: does this machine forward? nullopt: it cannot tell.
  virtual std::optional<int> forwarding(Family) = 0;
  virtual int set_forwarding(Family, int value) = 0;

  // ---- files. Text is replaced in one step; a reader sees the old one or the new one.
  virtual std::optional<std::string> read_text(const std::string& path) = 0;  // regular files only
  virtual int write_text(const std::string& path, const std::string& text, unsigned mode) = 0;
  virtual int link(const std::string& from, const std::string& to) = 0;    // a second name
  virtual int rename(const std::string& from, const std::string& to) = 0;  // links as such
  virtual int remove(const std::string& path) = 0;
  virtual bool exists(const std::string& path) = 0;  // also a link that leads nowhere
  virtual std::vector<std::string> names_in(const std::string& directory) = 0;
  // Makes the file and its directory where they are missing. A descriptor that holds the lock until
  // it is closed, or -errno: -EWOULDBLOCK when another process holds it.
  virtual int lock(const std::string& path) = 0;
  // When this machine was started, in seconds of its clock.
  virtual std::int64_t boot_time() = 0;
};

// The kernel's own.
System& real_system();

}  // namespace vpnd::bsd
