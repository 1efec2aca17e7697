// SPDX-License-Identifier: ISC
#pragma once

// Files that hold secrets: never readable by others, never half written.

#include <string>

#include "core/wire/keys.h"

namespace vpnd {

// A file descriptor held open, and locked against other writers of ours, while a list is changed.
class FileLock {
 public:
  explicit FileLock(const std::string& path);  // waits for its turn. Throws Error
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int fd_;
};

// The key in a file, or on the standard input when `path` is "-". A file that others can read is
// refused (Exit::permission), as is what is not a key (Exit::config). Throws Error.
wire::KeyFile read_key(const std::string& path);
// A text of ours that holds secrets, such as a list of peers; nothing there is an empty text.
std::string read_private_text(const std::string& path);
// The configuration: may be world readable, for it holds no secret. At most 1 MiB.
std::string read_config_text(const std::string& path);

// Makes a new file of mode 0600; one that is there already is left alone. Throws Error.
void write_new_private(const std::string& path, std::string_view content);
// Puts a new file in the old one's place in one step, so that a reader sees either. Throws Error.
void replace_private(const std::string& path, std::string_view content);

void write_out(std::string_view text);  // to the standard output. Throws Error
// Would a key written to the standard output end in a file that others can read?
bool output_is_public() noexcept;

}  // namespace vpnd
