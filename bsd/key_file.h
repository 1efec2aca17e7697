// SPDX-License-Identifier: ISC
#pragma once

// Key files as the keeper handles them: opened and judged, never read. The engine reads them by
// pread through the descriptor.

#include <cstdint>
#include <string>

#include "bsd/fd.h"

namespace vpnd::bsd {

// A regular file, owned by root or by us, closed to group and others, of a size that a key file can
// have; no symbolic link at its end. Throws Error with the remedy.
Fd open_key_file(const std::string& path);

// The client list beside a key file, KEY.peers: judged likewise. Empty when there is none.
Fd open_peers_file(const std::string& key_path);

// Tells one state of a file from another: a list is replaced by a new file.
struct FileStamp {
  std::int64_t device = 0, inode = 0, size = 0, seconds = 0;
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};
FileStamp stamp_of(const std::string& path) noexcept;  // all zero: there is none

}  // namespace vpnd::bsd
