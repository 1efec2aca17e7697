// SPDX-License-Identifier: ISC
#pragma once

// Carrier sockets, which the keeper makes: an engine that is confined could not. All are
// non-blocking and closed by exec.

#include <sys/socket.h>

#include "bsd/fd.h"
#include "core/base/addr.h"

namespace vpnd::bsd {

// connect() was called and may be in progress: SO_ERROR tells how it ended once the socket is
// writable. Throws Error.
Fd dialling_socket(const Endpoint&);
// A datagram socket that is connected. Throws Error.
Fd asking_socket(const Endpoint&);
// For its own family only: "::" does not take IPv4, which not all of these systems could.
// Throws Error; Exit::temporary: another program has the port.
Fd listening_socket(const Endpoint&);

// Returns the length. The kernel sets sa_len, where there is one, by that.
socklen_t to_sockaddr(const Endpoint&, sockaddr_storage&) noexcept;
Endpoint from_sockaddr(const sockaddr_storage&) noexcept;  // v4-mapped becomes v4

}  // namespace vpnd::bsd
