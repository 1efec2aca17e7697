// SPDX-License-Identifier: ISC
#pragma once

// Which keys a configuration file may have, and access to them that knows where they stand.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/addr.h"
#include "core/plan/toml_tree.h"

namespace vpnd::plan {

enum class Role : std::uint8_t { client, server };

// Throws Error for a key that does not exist, or that exists for the other role only.
void check_keys(const TomlNode& root, Role, const std::string& file);

// One table, or its absence. Every getter gives nothing when the key is absent, and throws Error
// "FILE:LINE:COLUMN: ..." when its value will not do.
class Section {
 public:
  Section(const TomlNode* table, std::string path, const std::string& file)
      : table_(table), path_(std::move(path)), file_(file) {}

  const TomlNode* find(std::string_view key) const noexcept;
  std::optional<std::string> text(std::string_view key) const;
  std::optional<std::int64_t> integer(std::string_view key, std::int64_t least,
                                      std::int64_t most) const;
  std::optional<bool> boolean(std::string_view key) const;
  // Strings of an array, or one string by itself.
  std::vector<const TomlNode*> texts(std::string_view key) const;
  // The value "auto" counts as absent.
  std::optional<Address> address(std::string_view key) const;
  std::optional<Address> address_v4(std::string_view key) const;
  std::optional<Prefix> prefix(std::string_view key) const;
  std::optional<std::vector<Prefix>> prefixes(std::string_view key) const;
  // The index of the value in `words`.
  std::optional<std::size_t> choice(std::string_view key,
                                    const std::vector<std::string>& words) const;

  Prefix to_prefix(const TomlNode&) const;
  // A complaint about a value (or, if it is absent, about its table).
  [[noreturn]] void fail(std::string_view key, const std::string& complaint) const;
  [[noreturn]] void fail(const TomlNode&, const std::string& complaint) const;

 private:
  const TomlNode* of_kind(std::string_view key, TomlNode::Kind) const;

  const TomlNode* table_;
  std::string path_;
  const std::string& file_;
};

}  // namespace vpnd::plan
