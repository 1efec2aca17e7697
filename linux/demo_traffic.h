// SPDX-License-Identifier: ISC
#pragma once

// A small service for the target, and what the client's side asks of it.

#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

#include "core/base/addr.h"
#include "linux/fd.h"

namespace vpnd::demo {

inline constexpr std::uint16_t kServicePort = 8080;

// Serves TCP connections, and sends UDP datagrams back, v4 and v6, until it is killed. In the
// current network namespace. Throws Error.
[[noreturn]] void serve();

// Called now and then while a measurement runs.
using Tick = std::function<void()>;

// Address under which the service sees us. Throws Error if nothing answers within some seconds.
Address ask_who_am_i(const Address& target, const Tick&);

struct RoundTrips {
  std::chrono::microseconds median{}, worst{};
};
RoundTrips measure_round_trips(const Address& target, unsigned count, const Tick&);

// A connection through which the service will send without end once ask_for_download() was true.
// Neither waits. Empty: no way to the target at the moment.
Fd open_download(const Address& target) noexcept;
// False: not connected yet, or not any more.
bool ask_for_download(int fd) noexcept;

// A UDP socket; what is sent by send_echo() comes back to it, if it comes. Throws Error.
Fd echo_socket(const Address& target);
void send_echo(int fd, const Address& target, const void* data, std::size_t size) noexcept;

// One UDP datagram to the target, where nobody answers. False: this host does not let it out.
// Throws Error.
bool send_datagram(const Address& target);

}  // namespace vpnd::demo
