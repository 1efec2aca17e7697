// SPDX-License-Identifier: ISC
#pragma once

// What one tunnel has changed on the host, noted before it is changed, so that the next process can
// take back what a killed one left: the file <state_dir>/<interface>.held, one line for each thing.
// The kernel remembers tagged routes, rules and tables by itself; the journal says which tunnel
// they belong to, and holds the old values of settings, which nothing else knows.
//
// The file is locked while its tunnel lives. Notes of an earlier boot are void.

#include <memory>
#include <string>
#include <vector>

#include "linux/fd.h"

namespace vpnd::nl {

// Begins the one note that is no change: whose tunnel it is.
inline constexpr char kTunnelNote[] = "tunnel ";

class Journal {
 public:
  // Takes the lock; notes that a dead process left are kept. Makes the directory (0700) if there is
  // none. Throws Error: Exit::temporary when a living process has it.
  Journal(std::string directory, std::string interface);
  Journal(Journal&&) noexcept = default;
  Journal& operator=(Journal&&) = delete;
  ~Journal();  // removes the file when no change is noted

  const std::string& interface() const noexcept { return interface_; }
  const std::string& directory() const noexcept { return directory_; }
  const std::vector<std::string>& lines() const noexcept { return lines_; }
  void note(const std::string& line);             // throws Error
  void strike(const std::string& line) noexcept;  // the first equal one

 private:
  std::string directory_, interface_;
  Fd fd_;
  std::vector<std::string> lines_;
};

// Somebody else's journal, read without its lock.
struct JournalCopy {
  std::string interface;
  bool living = false;
  std::vector<std::string> lines;  // of this boot and this network namespace
};
std::vector<JournalCopy> journals(const std::string& directory);

// Held while a shared setting is read and changed, so that two tunnels do not do it at once. Empty
// when there is no such directory.
Fd serialise(const std::string& directory) noexcept;

}  // namespace vpnd::nl
