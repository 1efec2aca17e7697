// SPDX-License-Identifier: ISC
#pragma once

// Where the lines of a process in the background go.

#include <string>

#include "linux/fd.h"

namespace vpnd::nl {

// systemd-journald's socket for streams of lines, see systemd-journald.service(8).
inline constexpr char kJournalStream[] = "/run/systemd/journal/stdout";

// A stream into the journal, whose lines may begin with "<priority>" as in sd-daemon(3). Empty:
// nobody listens there.
Fd journal_stream(const std::string& socket = kJournalStream);

// A file of mode 0600 to which lines are appended. Throws Error.
Fd log_file(const std::string& path);

}  // namespace vpnd::nl
