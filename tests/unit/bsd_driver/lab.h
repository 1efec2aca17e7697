// SPDX-License-Identifier: ISC
#pragma once

// Engines in processes of their own, each run by the kqueue driver (tests/kqueue lends this machine
// one). A pair of sockets is the device, and the test is the keeper of all of them.

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "bsd/channel.h"
#include "bsd/fd.h"
#include "core/engine/engine.h"
#include "tests/sim/world.h"

namespace vpnd::test {

using namespace std::chrono_literals;
using Raw = std::vector<std::uint8_t>;
using MakeEngine = std::function<engine::Engine()>;

class Side {
 public:
  explicit Side(const MakeEngine&);
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;
  ~Side();  // kills it

  // ---- the device
  bool give(const Raw& packet);  // false: it takes no more
  bool give_frame(std::uint32_t family, const Raw& packet);
  void take_packets();  // into `packets`, until none is there
  int device() const noexcept { return device_.get(); }

  // ---- the keeper's end
  int channel() const noexcept { return keeper_.get(); }
  void tell(const plan::ToEngine&, int fd = -1);
  void hear();  // all that is there
  void hang_up() { keeper_.reset(); }

  pid_t pid() const noexcept { return child_; }
  int wait();           // its exit status; 128 + signal; -1: it does not end within five seconds
  double busy() const;  // seconds of processor time
  unsigned open_files() const;

  std::vector<Raw> packets;
  unsigned bad_frames = 0;  // whose family is not the packet's own
  std::vector<engine::Dial> dials;
  std::vector<engine::ClientState> states;
  wire::Lease lease;
  engine::Report report;
  unsigned reports = 0, stopped = 0;
  unsigned peers = 0;  // rows of the last report

 private:
  void on(const plan::ToKeeper&);

  pid_t child_ = -1;
  bsd::Fd keeper_, device_;
};

// A server behind one listener, and what a client of it needs to be told.
class Lab {
 public:
  Lab();
  void start_server();
  void start_client();
  Side& server() { return *server_; }
  Side& client() { return *client_; }
  bool has_client() const { return client_ != nullptr; }
  void end_server() { server_.reset(); }

  // Answers what the client asks for, and takes what the devices get, until that holds.
  bool run_until(const std::function<bool()>&, std::chrono::milliseconds patience = 10s);
  void run_for(std::chrono::milliseconds);
  bool up();  // starts both and waits for the session
  bool is_up() const;
  // Both ends of its queues are empty before the next is given, so that none is dropped.
  bool all_pass(Side& from, Side& to, const std::vector<Raw>&);
  const engine::Report& report_of(Side&);
  std::uint64_t dropped(Side&, Drop);

  Endpoint at;  // of the server
  bool take_server_packets = true;
  std::function<bsd::Fd(const Endpoint&)> dial;

 private:
  void answer_dials();

  bsd::Fd listener_;
  std::unique_ptr<Side> server_, client_;
};

}  // namespace vpnd::test
