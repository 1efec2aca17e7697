// SPDX-License-Identifier: ISC
#pragma once

// Where this process's lines and events go: into the journal with their fields, where the standard
// error leads there; else to the standard error, one line each.
//
// Fields of the journal, and keys of a JSON line: VPND_TUNNEL tunnel, VPND_EVENT event, VPND_PEER
// peer, VPND_ENDPOINT endpoint, ERRNO errno, MESSAGE message, PRIORITY level. Each kind of event
// has a MESSAGE_ID of its own.

#include <optional>
#include <string>
#include <string_view>

#include "core/base/event.h"
#include "core/plan/config.h"
#include "linux/journald.h"

namespace vpnd::nl {

// One at a time: it is the log of this process until it goes.
class LogOutput {
 public:
  LogOutput(Level most_verbose, plan::LogFormat, std::string journal = kJournalSocket);
  LogOutput(const LogOutput&) = delete;
  LogOutput& operator=(const LogOutput&) = delete;
  ~LogOutput();

  // Of which tunnel it speaks. Empty: of none.
  void set_tunnel(std::string name);

 private:
  static void line(Level, std::string_view text);
  static void event(const Event&);
  void write(Level, std::string_view text, const Event*) const;
  bool to_journal(Level, std::string_view text, const Event*) const;

  plan::LogFormat format_;
  bool stream_is_journal_;
  std::optional<Journald> journal_;
  std::string tunnel_;
};

// "<3>" and so on, before a line for the standard error where that is the journal; else empty. See
// sd-daemon(3).
std::string level_prefix(Level);

std::string_view message_id(EventKind) noexcept;  // 32 hexadecimal digits

}  // namespace vpnd::nl
