// SPDX-License-Identifier: ISC
#include "core/engine/path.h"

#include <algorithm>

namespace vpnd::engine {
namespace {

constexpr std::size_t kMost = 128 * 1024, kLeast = 32 * 1024;
constexpr std::uint64_t kParts = 400;  // 2.5 ms of the rate: late by half of it, a sender keeps up
constexpr std::size_t kBatches = 4;    // of them are in the socket

}  // namespace

Standing standing_for(const Path& path) noexcept {
  std::size_t socket = kMost;
  if (path.round_trip >= kShortPath && path.rate != 0) {
    const std::uint64_t some = std::min<std::uint64_t>(path.rate / kParts, kMost);
    socket = std::max(kLeast, static_cast<std::size_t>(some));
  }
  return {socket, socket / kBatches};
}

}  // namespace vpnd::engine
