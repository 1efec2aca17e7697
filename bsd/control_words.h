// SPDX-License-Identifier: ISC
#pragma once

// What both ends of a control socket say.

#include <optional>
#include <string>
#include <string_view>

#include "bsd/control_socket.h"

namespace vpnd::bsd {

inline constexpr std::size_t kMostRequest = 64;
inline constexpr std::string_view kDenied = "denied\n";
// To who asked for that; the connection then ends with the process.
inline constexpr std::string_view kStopping = "stopping\n";

struct RequestWord {
  Request request;
  std::string_view line;
  bool changes;  // for root and the daemon's own user only
};
std::optional<RequestWord> request_of(std::string_view line) noexcept;
std::string_view line_of(Request) noexcept;  // pre: not none
std::string control_path(const std::string& directory, const std::string& name);

}  // namespace vpnd::bsd
