// SPDX-License-Identifier: ISC
#pragma once

// Carrier sockets, made by the keeper, and descriptor passing.

#include <optional>
#include <string>
#include <vector>

#include "core/base/addr.h"
#include "linux/fd.h"

struct sockaddr_storage;

namespace vpnd::nl {

// Non-blocking, close-on-exec, marked, NODELAY, NOTSENT_LOWAT 128 KiB, USER_TIMEOUT 60 s, BBR where
// it may be had. connect() was called and may be in progress; its outcome is SO_ERROR once the
// socket is writable. Throws Error.
Fd dialling_socket(const Endpoint&, Fwmark);
// A datagram socket, non-blocking, close-on-exec, marked and connected. Throws Error.
Fd asking_socket(const Endpoint&, Fwmark);
// Listening, SO_REUSEADDR, backlog 4096, the same options. v6 endpoints are V6ONLY, unless the
// address is "::" and `dual` is set. Throws Error; port in use is Exit::temporary.
Fd listening_socket(const Endpoint&, bool dual);
// Gives one that somebody else made the same options; what it listens on. Throws Error.
Endpoint take_listener(const Fd&);
bool takes_v4(const Fd&) noexcept;                               // a v6 socket with both families
std::string congestion_control(int fd);                          // "bbr"; what is in force
void use_congestion_control(int fd, const char* name) noexcept;  // best effort
// NOTSENT_LOWAT: writable is a socket with less than half of that. Best effort.
void hold_unsent(int fd, std::size_t bytes) noexcept;
int to_sockaddr(const Endpoint&, sockaddr_storage&) noexcept;  // returns its length
Endpoint from_sockaddr(const sockaddr_storage&) noexcept;      // v4-mapped becomes v4

// One SOCK_SEQPACKET message with at most 8 descriptors.
struct Received {
  std::size_t size = 0;  // 0: the other side is gone; more than asked for: it was cut
  std::vector<Fd> fds;
};
void send_message(int socket, const void* data, std::size_t size, const int* fds = nullptr,
                  std::size_t count = 0);  // throws Error
std::optional<Received> receive_message(int socket, void* data,
                                        std::size_t size);  // nullopt: EAGAIN

}  // namespace vpnd::nl
