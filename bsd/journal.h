// SPDX-License-Identifier: ISC
#pragma once

// What one tunnel has changed, noted before it is changed, so that the next process can take back
// what a killed one left: the file <state_dir>/<interface>.held, one line for each thing, and
// beside it a file that is locked while the tunnel lives. Notes of an earlier boot are void: only
// files outlive a boot, and the resolver file says itself whose it is.

#include <optional>
#include <string>
#include <vector>

#include "bsd/system.h"

namespace vpnd::bsd {

class Journal {
 public:
  // Takes the lock; notes that a dead process left are kept. Throws Error: Exit::temporary while
  // another process has it.
  Journal(System&, std::string directory, std::string interface);
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  ~Journal();  // removes the files when nothing is noted

  // Was there one already, of this boot, that nobody took away? Its process was killed.
  bool left_behind() const noexcept { return left_behind_; }

  const std::string& interface() const noexcept { return interface_; }
  const std::string& directory() const noexcept { return directory_; }
  const std::vector<std::string>& lines() const noexcept { return lines_; }
  bool has(const std::string& line) const noexcept;
  // A line that is there already is noted once. What cannot be written is told once and done
  // without.
  void note(const std::string& line) noexcept;
  void strike(const std::string& line) noexcept;

 private:
  void write() noexcept;

  System& system_;
  std::string directory_, interface_;
  int lock_ = -1;
  bool complained_ = false, left_behind_ = false;
  std::vector<std::string> lines_;
};

// Somebody's journal, read without its lock.
struct JournalCopy {
  std::string interface;
  bool living = false;
  std::vector<std::string> lines;  // of this boot
};
// `own`: this one is left out.
std::vector<JournalCopy> journals(System&, const std::string& directory, const std::string& own);

}  // namespace vpnd::bsd
