// SPDX-License-Identifier: ISC
#pragma once

// Whole tunnels of bsd/ on this machine: keeper, engine and all are real, and so are their sockets.
// What network set-up would ask a kernel for is asked of one that is made up, and the device is a
// pair of sockets whose other end the test has.

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "bsd/fd.h"
#include "core/host.h"
#include "core/plan/status.h"
#include "tests/support/folder.h"

namespace vpnd::test {

using namespace std::chrono_literals;
using Raw = std::vector<std::uint8_t>;

// What a keep() in a process of its own ends with, besides a code of Exit: it threw nothing of
// ours, or the made-up kernel is not as it was before.
inline constexpr int kThrewSomethingElse = 100, kLeftSomething = 101;

class Tunnel {
 public:
  Tunnel(const plan::Config&, const host::Places&, const host::Caution& = {},
         const host::ReadAgain& = {});
  Tunnel(const Tunnel&) = delete;
  Tunnel& operator=(const Tunnel&) = delete;
  ~Tunnel();  // kills it

  void give(const Raw& packet) const;
  // The next packet that comes within so long; empty: none.
  Raw take(std::chrono::milliseconds = 5s) const;

  void signal(int) const;
  int wait(std::chrono::milliseconds = 10s);  // its exit status; -1: it goes on; 128 + signal
  pid_t pid() const noexcept { return child_; }
  std::vector<pid_t> children() const;
  std::string log() const;

 private:
  bsd::Fd device_;
  std::string log_path_;
  pid_t child_ = -1;
};

// The test's own folder, key and port.
struct Bench {
  Bench();
  plan::ServerConfig server() const;
  plan::ClientConfig client() const;

  Folder folder;
  std::uint16_t port = 0;
  host::Places places, client_places;
};

// Until it holds, within so long.
bool soon(const std::function<bool()>&, std::chrono::milliseconds = 10s);
std::optional<plan::Status> status_of(const std::string& name, const host::Places&);
bool is_up(const host::Places&);
bool serves(const host::Places&);

// In the process of a keep(): on that device.
void use_device(int fd);
std::string kernel_state();

}  // namespace vpnd::test
