// SPDX-License-Identifier: ISC
#pragma once

// A text as a JSON string (RFC 8259 7), with its quotes. Bytes from 0x80 on are passed as they are:
// what is given is UTF-8.

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace vpnd {

inline std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace vpnd
