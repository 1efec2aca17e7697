// SPDX-License-Identifier: ISC
#pragma once

// Whoever started us as a service: what it hears of us, and the descriptors it keeps. The protocol
// is systemd's, sd_notify(3) and sd_listen_fds(3): lines in a datagram to $NOTIFY_SOCKET,
// descriptors beside it; passed ones begin at number 3. Others speak it too, so nothing here asks
// who it is.

#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "linux/fd.h"

namespace vpnd::nl {

// Names of what is kept for the next process of the same service.
inline constexpr std::string_view kKeptTunnel = "vpnd-tunnel", kKeptTables = "vpnd-tables",
                                  kKeptListener = "vpnd-listener", kKeptSession = "vpnd-session";

class ServiceManager {
 public:
  ServiceManager() = default;  // there is none
  // Call it once, before descriptors are opened. What is meant for another process of ours
  // ($LISTEN_PID, $WATCHDOG_PID) is left alone. The environment has none of it afterwards.
  static ServiceManager from_environment();

  bool listens() const noexcept { return !path_.empty(); }
  // How often tick() is due: half of what it waits before it gives us up. Zero: it does not wait.
  Duration watchdog() const noexcept { return watchdog_; }

  // All of these: false when nobody heard it. Nobody makes us wait longer than a second.
  bool ready(std::string_view status) noexcept;   // serving, or serving again
  bool status(std::string_view line) noexcept;    // for people
  bool tick() noexcept;                           // we work
  bool stopping(std::string_view line) noexcept;  // on the way out
  bool reloading() noexcept;                      // ready() ends it
  // A duplicate is kept, until forget() or until the service has been stopped for good, and is
  // passed to the next process. One that it has already is not kept twice.
  bool store(std::string_view name, int fd) noexcept;
  bool forget(std::string_view name) noexcept;  // all of that name

  // Descriptors that were passed to us, each once, close-on-exec. Of that name:
  std::vector<Fd> take(std::string_view name);
  // Those that listen for TCP, by whatever name: a socket unit's names are its own.
  std::vector<Fd> take_listeners();

 private:
  struct Passed {
    std::string name;
    Fd fd;
  };
  bool send(std::string_view lines, int fd = -1) const noexcept;

  std::string path_;  // as in the environment: '@' first means an abstract one
  Duration watchdog_{};
  std::vector<Passed> passed_;
};

}  // namespace vpnd::nl
