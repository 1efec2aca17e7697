// SPDX-License-Identifier: ISC
#pragma once

// What keeper and engine give up once they have what they need. All of it is for good.

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

namespace vpnd::nl {

// Every descriptor but the standard three and these.
void close_others(std::vector<int> kept) noexcept;

// False: cannot be had here.
struct Confined {
  bool user_dropped = false;   // not root, or user 65534 does not exist here
  bool files_denied = false;   // landlock.h
  bool calls_limited = false;  // syscall_filter.h
};
// Another user, no capabilities, no way to regain any; not readable by other processes; dies with
// its parent; no files by name; no system call but those of the packet loop. Call it last. Throws
// Error for what must not fail. For all threads of the process, which are started by
// `start_threads` when all but the system calls is given up; once it returns, they make none but
// those of a packet loop.
Confined confine_engine(pid_t parent, const std::function<void()>& start_threads = {});

// A process for one errand: it keeps its user, files and system calls, and nothing else. Throws
// Error.
void confine_helper(pid_t parent);

// What the keeper uses to the end.
struct KeeperFolders {
  std::vector<std::string> written, searched;
  std::vector<std::string> read;  // files
};
// The keeper, once its listeners are open: no program that it would run could gain anything, nobody
// reads its memory, and of capabilities it keeps, if it had them:
//   CAP_NET_ADMIN           all that it changes on the machine, and marks on sockets
//   CAP_SETUID, CAP_SETGID  root only: a new engine becomes another user
//   CAP_KILL                root only: ends an engine that does not listen
//   CAP_DAC_OVERRIDE        root only, if a folder that it writes in is closed to it without
//   CAP_DAC_READ_SEARCH     root only, if a folder that it searches, or a file that it
//                         reads, is closed to it without
// Throws Error.
void confine_keeper(const KeeperFolders&);

// As many descriptors as the system grants, and room to lock keys in memory.
void raise_limits() noexcept;

}  // namespace vpnd::nl
