// SPDX-License-Identifier: ISC
#pragma once

// What is taken back when a service manager says that a tunnel's process has ended. Never the wall:
// a clean stop has taken it away already, and any other end means that it still has to hold.

#include <cstdint>
#include <string>
#include <vector>

#include "core/host.h"
#include "linux/journal.h"

namespace vpnd::nl {

enum class CleanUp : std::uint8_t {
  nothing,        // it stands for the process that comes next
  resolver,       // the process comes again; until then names are found as before the tunnel
  all_but_walls,  // nobody comes
};
// `stands`: the process has left everything for the next on purpose.
CleanUp clean_up_after(const host::ServiceEnd&, bool stands) noexcept;

// Notes in a journal that are no changes: whose it is, and that it stands.
std::string tunnel_note(const std::string& tunnel);
inline constexpr char kStandsNote[] = "stands";

// Of a dead process of that tunnel. Normally one.
std::vector<JournalCopy> journals_of(const std::string& tunnel, const std::string& directory);

}  // namespace vpnd::nl
