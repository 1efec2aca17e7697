// SPDX-License-Identifier: ISC
#pragma once

// UNIX stream sockets that a daemon listens at, and who is at their other end. unix(7).

#include <sys/types.h>

#include <optional>
#include <string>

#include "linux/fd.h"

namespace vpnd::nl {

// Listens at that path, in place of a socket that nobody answers at. Its owner may connect, and the
// members of the group where one is given and can be given to the file; nobody else, at no time.
// Throws Error; Exit::temporary if a living process answers there.
Fd listen_locally(const std::string& path, std::optional<gid_t> group);
// Without blocking; empty: nobody waits, or `room` is false, and then whoever waits is turned away.
Fd accept_local(const Fd& listener, bool room) noexcept;

// Waits at most three seconds for each step. Empty: errno says why.
Fd connect_locally(const std::string& path) noexcept;

enum class Standing : std::uint8_t {
  none,
  member,  // of the group, by its process's group or a supplementary one
  owner,   // root, or our own user
};
Standing standing(const Fd& connection, std::optional<gid_t> group) noexcept;

// nullopt: there is no such group. getgrnam_r(3).
std::optional<gid_t> group_id(const std::string& name);

}  // namespace vpnd::nl
