// SPDX-License-Identifier: ISC
#pragma once

// /etc/resolv.conf, changed so that what stood there comes back to the byte: the old file, or the
// old symbolic link, changes places with ours in one step (renameat2(2), RENAME_EXCHANGE) and waits
// under kResolverBackup. A link's target is never written to. A file that cannot change places,
// because something is mounted on it or its folder is read-only, is copied to the state directory
// and written in place. Which of these happened can be read from the files themselves, also after a
// crash or a reboot.

#include <sys/types.h>

#include <string>

#include "linux/objects.h"

namespace vpnd::nl {

inline constexpr char kResolverFile[] = "/etc/resolv.conf";
inline constexpr char kResolverBackup[] = "/etc/.resolv.conf.before-vpnd";

// Returns how it was done, for people. A file of ours is replaced, and what waits behind it goes on
// waiting. `state_directory` empty: there is none. Throws Error; then nothing has changed.
std::string write_resolver_file(const DnsServers&, const std::string& state_directory);

// What was there before comes back if the present file is ours, and for this interface (empty:
// any). If it is somebody else's by now it stays, and the backup goes. True: it came back. Throws
// Error.
bool restore_resolver_file(const std::string& interface, const std::string& state_directory);

// What stands there, or, if that is ours, what waits behind it.
std::string resolver_file_before(const std::string& state_directory);

bool resolver_file_is_ours(const std::string& interface);

// Do we share the resolver file with `first`, a process of another network namespace? Changing it
// would send that host's names into a tunnel that is not its own.
bool of_another_network(pid_t first = 1) noexcept;
// One that may not be seen is where the first process is, and that, unseen, is with us. Ask once
// before confine_keeper(), which takes the sight of others.
bool in_our_network(pid_t) noexcept;

// Where /etc/resolv.conf leads, if it is a symbolic link.
std::string resolver_link_target();

}  // namespace vpnd::nl
