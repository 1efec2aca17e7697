// SPDX-License-Identifier: ISC
#pragma once

// What the service manager keeps for us from one process to the next: the device, the socket that
// owns our nftables, listeners, and a client's session (kept_session.h) in a memory file. All of it
// is only taken over when it is what it says, in the network namespace that we are in.

#include <optional>
#include <string>
#include <vector>

#include "core/plan/kept_session.h"
#include "linux/fd.h"
#include "linux/service_manager.h"

namespace vpnd::nl {

struct Kept {
  Fd tunnel;
  std::string interface;  // its name; empty without it
  Fd tables;
  std::vector<Fd> listeners;
  Fd session_file;  // to be written on
  std::optional<plan::KeptSession> session;
};
// Takes them out of `manager`. What is not usable is closed, and not kept any longer.
Kept take_kept(ServiceManager& manager);

// A file that has no name and holds the session; none where it cannot be made.
Fd make_session_file();
// In place of what it holds; nullopt: nothing. Who is killed meanwhile may leave one that does not
// read, which is as good as none.
void write_session(const Fd&, const std::optional<plan::KeptSession>&) noexcept;
std::optional<plan::KeptSession> read_session(const Fd&);

}  // namespace vpnd::nl
