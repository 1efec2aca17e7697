// SPDX-License-Identifier: ISC
#include "core/plan/toml_tree.h"

#include <fmt/format.h>

#include "core/base/error.h"

// The parser (3.3.0) asserts what a mistyped file can make false, "[=" for one, and refuses the
// same thing properly a few lines on. Without this a wrong file would abort a build with
// assertions, and be undefined in one by Clang without them.
#undef NDEBUG
#define TOML_ASSERT(expression) static_assert(true)
#include <toml++/toml.h>

namespace vpnd::plan {
namespace {

// A configuration is a page or two; what is larger was named by mistake.
constexpr std::size_t kMostBytes = 1024 * 1024;

TomlNode::Position position(const toml::source_region& region) noexcept {
  return {region.begin.line, region.begin.column};
}

TomlNode convert(const toml::node& node);

void convert_children(const toml::node& node, TomlNode& out) {
  if (const toml::array* array = node.as_array()) {
    out.kind = TomlNode::Kind::array;
    for (const toml::node& element : *array) out.children.push_back(convert(element));
  } else if (const toml::table* table = node.as_table()) {
    out.kind = TomlNode::Kind::table;
    for (const auto& [key, value] : *table) {
      out.children.push_back(convert(value));
      out.children.back().key = key.str();
      out.children.back().key_at = position(key.source());
    }
  }
}

// The parser refuses deep nesting, so this recursion is bounded.
TomlNode convert(const toml::node& node) {
  TomlNode out;
  out.at = position(node.source());
  if (const auto* text = node.as_string()) {
    out.kind = TomlNode::Kind::text;
    out.text = text->get();
  } else if (const auto* integer = node.as_integer()) {
    out.kind = TomlNode::Kind::integer;
    out.integer = integer->get();
  } else if (const auto* boolean = node.as_boolean()) {
    out.kind = TomlNode::Kind::boolean;
    out.boolean = boolean->get();
  } else {
    convert_children(node, out);
  }
  return out;
}

}  // namespace

const TomlNode* TomlNode::find(std::string_view child_key) const noexcept {
  for (const TomlNode& child : children) {
    if (child.key == child_key) return &child;
  }
  return nullptr;
}

std::string_view kind_name(TomlNode::Kind kind) noexcept {
  switch (kind) {
    case TomlNode::Kind::text:
      return "a string";
    case TomlNode::Kind::integer:
      return "an integer";
    case TomlNode::Kind::boolean:
      return "true or false";
    case TomlNode::Kind::array:
      return "an array";
    case TomlNode::Kind::table:
      return "a table";
    case TomlNode::Kind::other:
      return "a number with a fraction, or a date";
  }
  return "something else";
}

TomlNode parse_toml(std::string_view text, const std::string& name) {
  if (text.size() > kMostBytes) throw config_error(name + ": too large for a configuration");
  try {
    return convert(toml::parse(text, name));
  } catch (const toml::parse_error& e) {
    const auto at = position(e.source());
    throw config_error(fmt::format("{}:{}:{}: {}", name, at.line, at.column, e.description()));
  }
}

std::string toml_quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace vpnd::plan
