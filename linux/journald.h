// SPDX-License-Identifier: ISC
#pragma once

// The system's journal, by its native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL): one
// datagram an entry, with fields. An entry that does not fit into a datagram is not sent.

#include <span>
#include <string>
#include <string_view>

#include "core/base/time.h"
#include "linux/fd.h"

namespace vpnd::nl {

struct JournalField {
  std::string_view name;   // capital letters, digits and '_'
  std::string_view value;  // empty: the field is left out
};
std::string journal_entry(std::span<const JournalField>);

inline constexpr char kJournalSocket[] = "/run/systemd/journal/socket";

class Journald {
 public:
  explicit Journald(std::string path = kJournalSocket);
  // False: nobody took it. Never waits.
  bool send(std::span<const JournalField>) const noexcept;

 private:
  std::string path_;
  Fd socket_;
};

// Does what we write to the standard error end in the journal? By $JOURNAL_STREAM, "DEVICE:INODE".
bool stderr_is_journal() noexcept;

}  // namespace vpnd::nl
