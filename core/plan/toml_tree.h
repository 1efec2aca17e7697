// SPDX-License-Identifier: ISC
#pragma once

// A TOML file (toml.io, 1.0) as plain nodes that remember where they stood, so that the parser's
// headers stay in one translation unit.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vpnd::plan {

struct TomlNode {
  enum class Kind : std::uint8_t { text, integer, boolean, array, table, other };
  struct Position {
    std::uint32_t line = 0, column = 0;  // from 1
  };

  std::string key;      // in its table; empty in an array
  Position key_at, at;  // of the key, and of the value
  Kind kind = Kind::other;
  std::string text;
  std::int64_t integer = 0;
  bool boolean = false;
  std::vector<TomlNode> children;  // of an array, in order; of a table, by name

  const TomlNode* find(std::string_view child_key) const noexcept;
};

// "a string", for complaints.
std::string_view kind_name(TomlNode::Kind) noexcept;

// Throws Error (Exit::config) "NAME:LINE:COLUMN: ..." for what is not TOML.
TomlNode parse_toml(std::string_view text, const std::string& name);

// As a quoted TOML string.
std::string toml_quote(std::string_view text);

}  // namespace vpnd::plan
