// SPDX-License-Identifier: ISC
#pragma once

// An endless stream of bytes that a seed decides. No stretch of it comes again, so that a piece
// that is lost, repeated or out of place shows.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>

#include "core/base/bytes.h"

namespace vpnd::test {

class KnownStream {
 public:
  explicit KnownStream(std::uint64_t seed) : state_(seed * 0x2545f4914f6cdd1d) {}

  // The next bytes, at least one and at most so many; valid until the next call.
  Bytes next(std::uint64_t most) {
    const std::size_t within = position_ % block_.size();
    if (within == 0) refill();
    const auto size =
        static_cast<std::size_t>(std::min<std::uint64_t>(most, block_.size() - within));
    position_ += size;
    return Bytes(block_).subspan(within, size);
  }
  // Whether these are the next bytes. No: position() is where they begin to differ.
  bool continues(Bytes got) {
    while (!got.empty()) {
      const Bytes due = next(got.size());
      const auto differs = std::ranges::mismatch(due, got.first(due.size())).in1;
      if (differs != due.end()) {
        position_ -= static_cast<std::uint64_t>(due.end() - differs);
        return false;
      }
      got = got.subspan(due.size());
    }
    return true;
  }
  std::uint64_t position() const noexcept { return position_; }

 private:
  void refill() {  // splitmix64
    for (std::size_t at = 0; at < block_.size(); at += sizeof(std::uint64_t)) {
      std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
      z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
      z ^= z >> 31;
      std::memcpy(&block_[at], &z, sizeof z);
    }
  }

  std::uint64_t state_, position_ = 0;
  std::array<std::uint8_t, 64 * 1024> block_;
};

}  // namespace vpnd::test
