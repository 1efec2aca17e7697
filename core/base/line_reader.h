// SPDX-License-Identifier: ISC
#pragma once

// Text that comes in pieces of any size, taken out line by line.

#include <optional>
#include <string>

#include "core/base/bytes.h"

namespace vpnd {

class LineReader {
 public:
  // `most`: bytes of a line, beyond which this is not what it is taken for.
  explicit LineReader(std::size_t most) noexcept : most_(most) {}

  // False: the line is too long, and what was read is to be given up.
  [[nodiscard]] bool add(Bytes piece) {
    if (in_.size() > most_) return false;
    in_.append(piece.begin(), piece.end());
    return true;
  }
  // The next whole line, without its end. nullopt: none is whole yet.
  std::optional<std::string> line() {
    const std::size_t end = in_.find('\n');
    if (end == std::string::npos) return std::nullopt;
    std::string out = in_.substr(0, end);
    in_.erase(0, end + 1);
    return out;
  }

 private:
  std::string in_;
  std::size_t most_;
};

}  // namespace vpnd
