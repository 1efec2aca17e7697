// SPDX-License-Identifier: ISC
#include "core/plan/config_keys.h"

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/plan/config.h"
#include "core/plan/suggest.h"

namespace vpnd::plan {
namespace {

enum class For : std::uint8_t { both, client, server };

struct KnownKey {
  std::string_view section, key;  // section "": the top level
  For whom;
};

constexpr KnownKey kKeys[] = {
    {"", "version", For::both},
    {"", "mode", For::both},
    {"", "timeout", For::client},
    {"identity", "key", For::both},
    {"interface", "name", For::both},
    {"interface", "mtu", For::both},
    {"interface", "queues", For::server},
    {"interface", "fwmark", For::client},
    {"interface", "table", For::client},
    {"interface", "address", For::client},
    {"peer", "endpoint", For::client},
    {"peer", "address", For::client},
    {"routing", "mode", For::client},
    {"routing", "include", For::client},
    {"routing", "exclude", For::client},
    {"routing", "keep_inbound", For::client},
    {"routing", "lan", For::client},
    {"routing", "gateway", For::client},
    {"dns", "mode", For::client},
    {"dns", "servers", For::client},
    {"dns", "domains", For::client},
    {"server", "listen", For::server},
    {"server", "pool", For::server},
    {"server", "pool6", For::server},
    {"server", "address", For::server},
    {"server", "address6", For::server},
    {"server", "first_lease", For::server},
    {"server", "max_clients", For::server},
    {"server", "max_connections", For::server},
    {"server", "isolate", For::server},
    {"server", "server_lan", For::server},
    {"server", "nat", For::server},
    {"server", "ext_ip", For::server},
    {"server", "push_dns", For::server},
    {"dns", "forward", For::server},
    {"kill_switch", "mode", For::client},
    {"log", "level", For::both},
    {"log", "format", For::both},
    {"metrics", "textfile", For::both},
    {"metrics", "socket", For::both},
    {"control", "group", For::both},
};

[[noreturn]] void complain(const std::string& file, const TomlNode::Position& at,
                           const std::string& complaint) {
  throw config_error(fmt::format("{}:{}:{}: {}", file, at.line, at.column, complaint));
}

bool fits(For whom, Role role) noexcept {
  return whom == For::both || (whom == For::client) == (role == Role::client);
}

// The names that may stand in a section, sections themselves included at the top.
std::vector<std::string> names_in(std::string_view section, Role role) {
  std::vector<std::string> out;
  for (const KnownKey& k : kKeys) {
    if (!fits(k.whom, role)) continue;
    const std::string_view name = k.section == section ? k.key : k.section;
    if (k.section != section && !section.empty()) continue;
    if (out.empty() || out.back() != name) out.emplace_back(name);
  }
  return out;
}

bool among(const std::vector<std::string>& words, std::string_view word) noexcept {
  for (const std::string& w : words) {
    if (w == word) return true;
  }
  return false;
}

void check_section(const TomlNode& table, std::string_view section, Role role,
                   const std::string& file) {
  const Role other = role == Role::client ? Role::server : Role::client;
  const auto known = names_in(section, role);
  for (const TomlNode& child : table.children) {
    if (among(known, child.key)) continue;
    if (among(names_in(section, other), child.key)) {
      complain(file, child.key_at,
               fmt::format("\"{}\" is for a {} only", child.key,
                           other == Role::client ? "client" : "server"));
    }
    complain(file, child.key_at,
             fmt::format("unknown key \"{}\"{}", child.key, did_you_mean(child.key, known)));
  }
}

}  // namespace

std::vector<std::string> config_keys() {
  std::vector<std::string> out;
  for (const KnownKey& k : kKeys) {
    out.push_back(k.section.empty() ? std::string(k.key) : fmt::format("{}.{}", k.section, k.key));
  }
  return out;
}

void check_keys(const TomlNode& root, Role role, const std::string& file) {
  check_section(root, "", role, file);
  for (const TomlNode& child : root.children) {
    if (names_in(child.key, role).empty()) continue;  // a plain value at the top
    const bool peer = child.key == "peer";
    if (child.kind != (peer ? TomlNode::Kind::array : TomlNode::Kind::table)) {
      complain(file, child.key_at,
               fmt::format(fmt::runtime(peer ? "\"{0}\" is written as [[{0}]]"
                                             : "\"{0}\" is a table, written as [{0}]"),
                           child.key));
    }
    if (!peer) check_section(child, child.key, role, file);
    if (!peer) continue;
    if (child.children.size() != 1) complain(file, child.at, "there must be exactly one [[peer]]");
    if (child.children[0].kind != TomlNode::Kind::table) {
      complain(file, child.at, "\"peer\" is written as [[peer]]");
    }
    check_section(child.children[0], "peer", role, file);
  }
}

const TomlNode* Section::find(std::string_view key) const noexcept {
  return table_ == nullptr ? nullptr : table_->find(key);
}

void Section::fail(const TomlNode& node, const std::string& complaint) const {
  complain(file_, node.at, complaint);
}

void Section::fail(std::string_view key, const std::string& complaint) const {
  if (const TomlNode* node = find(key)) fail(*node, complaint);
  complain(file_, table_ == nullptr ? TomlNode::Position{1, 1} : table_->at, complaint);
}

const TomlNode* Section::of_kind(std::string_view key, TomlNode::Kind kind) const {
  const TomlNode* node = find(key);
  if (node != nullptr && node->kind != kind) {
    fail(*node, fmt::format("\"{}{}\" must be {}, not {}", path_, key, kind_name(kind),
                            kind_name(node->kind)));
  }
  return node;
}

std::optional<std::string> Section::text(std::string_view key) const {
  const TomlNode* node = of_kind(key, TomlNode::Kind::text);
  if (node == nullptr) return std::nullopt;
  if (node->text.empty()) fail(*node, fmt::format("\"{}{}\" is empty", path_, key));
  return node->text;
}

std::optional<std::int64_t> Section::integer(std::string_view key, std::int64_t least,
                                             std::int64_t most) const {
  const TomlNode* node = of_kind(key, TomlNode::Kind::integer);
  if (node == nullptr) return std::nullopt;
  if (node->integer < least || node->integer > most) {
    const std::string range =
        least == most ? std::to_string(least) : fmt::format("from {} to {}", least, most);
    fail(*node, fmt::format("\"{}{}\" must be {}, not {}", path_, key, range, node->integer));
  }
  return node->integer;
}

std::optional<bool> Section::boolean(std::string_view key) const {
  const TomlNode* node = of_kind(key, TomlNode::Kind::boolean);
  if (node == nullptr) return std::nullopt;
  return node->boolean;
}

std::vector<const TomlNode*> Section::texts(std::string_view key) const {
  const TomlNode* node = find(key);
  if (node == nullptr) return {};
  if (node->kind == TomlNode::Kind::text) return {node};
  of_kind(key, TomlNode::Kind::array);
  std::vector<const TomlNode*> out;
  for (const TomlNode& child : node->children) {
    if (child.kind != TomlNode::Kind::text) {
      fail(child, fmt::format("\"{}{}\" is a list of strings", path_, key));
    }
    out.push_back(&child);
  }
  return out;
}

std::optional<Address> Section::address(std::string_view key) const {
  const auto value = text(key);
  if (!value || *value == "auto") return std::nullopt;
  const auto address = Address::parse(*value);
  if (!address) fail(key, fmt::format("\"{}\" is not an IP address", *value));
  if (!is_unicast(*address)) fail(key, fmt::format("{} cannot be the address of a host", *value));
  return address;
}

std::optional<Address> Section::address_v4(std::string_view key) const {
  const auto a = address(key);
  if (a && !a->is_v4()) fail(key, fmt::format("{} is not an IPv4 address", a->text()));
  return a;
}

Prefix Section::to_prefix(const TomlNode& node) const {
  const auto prefix = Prefix::parse(node.text);
  if (!prefix) fail(node, fmt::format("\"{}\" is not a prefix such as 10.0.0.0/8", node.text));
  if (prefix->masked() != *prefix) {
    fail(node, fmt::format("{} has bits set behind its length; {} was meant?", node.text,
                           prefix->masked().text()));
  }
  return *prefix;
}

std::optional<Prefix> Section::prefix(std::string_view key) const {
  const auto value = text(key);
  if (!value || *value == "auto") return std::nullopt;
  return to_prefix(*find(key));
}

std::optional<std::vector<Prefix>> Section::prefixes(std::string_view key) const {
  if (of_kind(key, TomlNode::Kind::array) == nullptr) return std::nullopt;
  std::vector<Prefix> out;
  for (const TomlNode* node : texts(key)) out.push_back(to_prefix(*node));
  return out;
}

std::optional<std::size_t> Section::choice(std::string_view key,
                                           const std::vector<std::string>& words) const {
  const auto value = text(key);
  if (!value) return std::nullopt;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == *value) return i;
  }
  std::string list;
  for (const std::string& word : words)
    list += fmt::format("{}\"{}\"", list.empty() ? "" : ", ", word);
  fail(key, fmt::format("\"{}{}\" must be one of {}, not \"{}\"{}", path_, key, list, *value,
                        did_you_mean(*value, words)));
}

}  // namespace vpnd::plan
