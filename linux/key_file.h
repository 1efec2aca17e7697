// SPDX-License-Identifier: ISC
#pragma once

// Key files as the keeper handles them: opened and judged, never read. The engine reads them by
// pread through the descriptor.

#include <sys/stat.h>

#include <string>

#include "core/plan/config.h"
#include "linux/fd.h"

namespace vpnd::nl {

// A regular file, owned by root or by us, closed to group and others, of a size that a key file can
// have; no symbolic link at its end. Throws Error with the remedy.
Fd open_key_file(const std::string& path);

// That, or the credential that the configuration names instead, where a service manager has given
// us any: a file of a folder of ours, in $CREDENTIALS_DIRECTORY (systemd.exec(5)).
Fd open_key(const plan::Common&);

// The client list beside a key file, KEY.peers: judged likewise. Empty when there is none.
Fd open_peers_file(const std::string& key_path);

// Tells one state of a file from another.
struct FileStamp {
  std::int64_t device = 0, inode = 0, size = 0, seconds = 0, nanoseconds = 0;
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};
FileStamp stamp_of(const std::string& path) noexcept;  // all zero: there is none

}  // namespace vpnd::nl
