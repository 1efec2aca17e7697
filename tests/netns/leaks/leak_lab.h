// SPDX-License-Identifier: ISC
#pragma once

// A client whose uplink is watched. Every frame that crosses it and is neither the carrier between
// client and server nor what finds neighbours is a leak.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "linux/demo_watch.h"
#include "tests/daemon/lab.h"
#include "tests/daemon/traffic.h"

namespace vpnd::test {

class LeakLab {
 public:
  static constexpr std::uint16_t kPort = 7000;

  // The client runs this program: the shipped one, or the variant without a wall. TCP to and from
  // `server` is the carrier. Sees to it that the watch sees a planted frame, which fails the test
  // otherwise.
  explicit LeakLab(const std::string& client_program = vpnd_program(),
                   const Endpoint& server = Endpoint::parse("203.0.113.2:443").value());

  Lab lab;
  Address target4 = Address::parse(Lab::kTarget4).value();
  Address target6 = Address::parse(Lab::kTarget6).value();

  // Server and client, until traffic passes. `server_settings`: lines for its [server] section.
  void start(const std::string& server_settings = {});
  Child& client() { return *client_; }
  Child& server() { return *server_; }
  void start_client(const std::vector<std::string>& options = {});
  void run_client(const std::string& settings);  // of a file with these further lines
  void start_server(const std::string& settings = {});
  void stop_server();  // SIGKILL
  void kill_client();  // likewise, keeper and engine

  // `ip` with these words, in the client's namespace; false: it failed.
  bool ip(const std::string& words) const;
  // So many datagrams through the tunnel and back.
  bool through(const Address& to, int count = 3) const;
  // The kernel's reverse path filter in its strict form; of a device, or "all".
  void filter_strictly(const std::string& which = "eth0") const;
  // Datagrams and one connection attempt that nobody answers; with a device, from sockets bound to
  // it.
  void probe(const Address& to, int port, const std::string& device = {}) const;
  void probe_from(const Namespace&, const Address& to, int port,
                  const std::string& device = {}) const;

  // From now on look-ups of exactly that name at that resolver are none.
  void admit_look_ups(const Address& resolver, const std::string& name);
  std::uint64_t look_ups();  // so many of these since the last call; forgets what leaked

  // What leaked since the last call, in words; empty: nothing did.
  std::string leaked();
  std::uint64_t frames();  // the same, as a number

 private:
  void answer_for_everybody() const;
  void plant();
  std::unique_ptr<demo::Watch> watch_;
  std::unique_ptr<Responder> responder_;
  std::unique_ptr<Child> server_, client_;
};

// Nothing leaked since the last look.
void clean(LeakLab&, const std::string& when);

// The same steps with the wall and without: 0 leaks with it, some without. `steps` starts what it
// needs.
void only_the_wall_holds(const std::function<void(LeakLab&)>& steps);

}  // namespace vpnd::test
