// SPDX-License-Identifier: ISC
#pragma once

// Traffic of the tests: servers at the target, clients behind the tunnel. Every one is a thread in
// its namespace; all of them stop with their object.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "core/base/addr.h"
#include "linux/fd.h"
#include "tests/support/netns.h"

namespace vpnd::test {

// A socket inside, SOCK_STREAM or SOCK_DGRAM, connected; none where that was refused.
Fd connected_socket(const Namespace&, const Address& to, std::uint16_t port, int type);
// One that listens at a port, or takes its datagrams, of both families. Throws Error.
Fd bound_socket(const Namespace&, std::uint16_t port, int type);

// Answers on one port, v4 and v6: echoes datagrams and, on TCP, sends an endless known stream
// (download) to who asks with 'd' and echoes whatever else it hears. Remembers who came.
class Responder {
 public:
  Responder(const Namespace&, std::uint16_t port);
  ~Responder();
  std::string last_peer() const;  // address of the latest TCP connection

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
  std::thread tcp_, udp_;
};

// One round trip of a datagram of `size` bytes. False: lost, or not the same.
bool udp_echo(const Namespace&, const Address& to, std::uint16_t port, std::size_t size = 400,
              double seconds = 2);
// One TCP connection: sends `size` bytes, expects them back.
bool tcp_echo(const Namespace&, const Address& to, std::uint16_t port, std::size_t size = 100000,
              double seconds = 5);

// A TCP connection that stays: idle until asked to speak.
class Idle {
 public:
  Idle(const Namespace&, const Address& to, std::uint16_t port);
  bool connected() const noexcept { return static_cast<bool>(fd_); }
  bool speak(double seconds = 5);  // one small echo

 private:
  Fd fd_;
};

// Reads the endless stream and checks every byte.
class Download {
 public:
  Download(const Namespace&, const Address& to, std::uint16_t port);
  ~Download();
  std::uint64_t bytes() const noexcept;
  bool broken() const noexcept;  // ended, or a byte was not the one that was due
  // 16 MiB more than now, within so many seconds.
  bool goes_on(double seconds = 20);

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
  std::thread thread_;
};

}  // namespace vpnd::test
