// SPDX-License-Identifier: ISC
#pragma once

// What forwarding was set to before, as a line of the journal: "forwarding v4 0".

#include <optional>
#include <string>
#include <vector>

#include "core/base/addr.h"

namespace vpnd::bsd {

struct ForwardingNote {
  Family family = Family::v4;
  int before = 0;  // 0 or 1

  std::string line() const { return prefix(family) + std::string(before != 0 ? "1" : "0"); }
  static bool is(const std::string& line) {
    return line.starts_with(prefix(Family::v4)) || line.starts_with(prefix(Family::v6));
  }
  static std::optional<ForwardingNote> in(const std::vector<std::string>& lines, Family family) {
    for (const std::string& line : lines) {
      for (const int before : {0, 1}) {
        const ForwardingNote note{family, before};
        if (line == note.line()) return note;
      }
    }
    return std::nullopt;
  }

 private:
  static const char* prefix(Family family) noexcept {
    return family == Family::v4 ? "forwarding v4 " : "forwarding v6 ";
  }
};

}  // namespace vpnd::bsd
