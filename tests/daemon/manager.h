// SPDX-License-Identifier: ISC
#pragma once

// A service manager: starts a program with what it keeps for it, and hears what that says
// (sd_notify(3), sd_listen_fds(3)).

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "linux/fd.h"
#include "tests/support/netns.h"

namespace vpnd::test {

class Manager {
 public:
  // Its socket is made in that folder. Without `keeps` it is one that has no room for descriptors.
  explicit Manager(const std::string& folder, bool keeps = true);
  ~Manager();

  // For each start, in microseconds; 0: nobody watches.
  unsigned watchdog = 0;
  // Passed before what is kept, as a socket unit's.
  std::vector<Fd> unit_sockets;

  Child start(const std::vector<std::string>& arguments, int netns);
  // What was said so far, message by message, and how often that was among it.
  std::size_t heard(const std::string& line) const;
  bool hears(const std::string& line, std::size_t times = 1, double seconds = 10) const;
  std::string status() const;               // the last one
  std::vector<std::string> kept() const;    // the names, sorted
  void lose(const std::string& name = {});  // what it keeps of that name; empty: everything

 private:
  struct Stored {
    std::string name;
    Fd fd;
  };
  void listen();
  void take(const std::string& message, std::vector<Fd> fds);

  std::string path_;
  bool keeps_;
  Fd socket_;
  mutable std::mutex mutex_;
  std::vector<Stored> stored_;
  std::vector<std::string> lines_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace vpnd::test
