// SPDX-License-Identifier: ISC
#pragma once

// /etc/resolv.conf, changed so that what stood there comes back to the byte: the old file, or the
// old symbolic link, goes on under a second name, kResolverBackup, and ours takes its place in one
// step. A link's target is never written to. Which of these happened can be read from the files
// themselves, also after a crash or a reboot.

#include <string>

#include "bsd/system.h"
#include "core/plan/resolver_text.h"

namespace vpnd::bsd {

inline constexpr char kResolverFile[] = "/etc/resolv.conf";
inline constexpr char kResolverBackup[] = "/etc/.resolv.conf.before-vpnd";

// A file of ours is replaced, and what waits behind it goes on waiting. Throws Error; then nothing
// has changed.
void write_resolver_file(System&, const plan::Resolver&);

// What was there before comes back if the present file is ours, and for this interface (empty:
// any). If it is somebody else's by now it stays, and the backup goes. True: it came back. Throws
// Error.
bool restore_resolver_file(System&, const std::string& interface);

// What stands there, or, if that is ours, what waits behind it. Empty: nothing.
std::string resolver_file_before(System&);

// Whose tunnel the present file was written for; nullopt: it is somebody else's.
std::optional<std::string> resolver_file_of(System&);

}  // namespace vpnd::bsd
