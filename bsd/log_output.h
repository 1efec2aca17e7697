// SPDX-License-Identifier: ISC
#pragma once

// Where this process's lines and events go: to the standard error, one line each, as text or as
// JSON (core/plan/log_json.h).

#include <string>
#include <string_view>

#include "core/base/event.h"
#include "core/plan/config.h"

namespace vpnd::bsd {

// One at a time: it is the log of this process until it goes.
class LogOutput {
 public:
  LogOutput(Level most_verbose, plan::LogFormat);
  LogOutput(const LogOutput&) = delete;
  LogOutput& operator=(const LogOutput&) = delete;
  ~LogOutput();

  // Of which tunnel it speaks. Empty: of none.
  void set_tunnel(std::string name) { tunnel_ = std::move(name); }

 private:
  static void line(Level, std::string_view text);
  static void event(const Event&);
  void write(Level, std::string_view text, const Event*) const;

  plan::LogFormat format_;
  std::string tunnel_;
};

}  // namespace vpnd::bsd
