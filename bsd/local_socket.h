// SPDX-License-Identifier: ISC
#pragma once

// UNIX stream sockets that a daemon listens at, and who is at their other end; unix(4).

#include <sys/types.h>

#include <optional>
#include <string>

#include "bsd/fd.h"

namespace vpnd::bsd {

// Listens at that path, in place of a socket that nobody answers at. Its owner may connect, and the
// group where one is given; nobody else, at no time. Throws Error; Exit::temporary if a living
// process answers there.
Fd listen_locally(const std::string& path, std::optional<gid_t> group);
// Without blocking; empty: nobody waits, or `room` is false, and then whoever waits is turned away.
Fd accept_local(const Fd& listener, bool room) noexcept;
// Non-blocking. Empty: errno says why.
Fd connect_locally(const std::string& path) noexcept;

// Is that root or our own user? Others can have come by their group only.
bool peer_is_owner(const Fd& connection) noexcept;

// nullopt: there is no such group.
std::optional<gid_t> group_id(const std::string& name);

}  // namespace vpnd::bsd
