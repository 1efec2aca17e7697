// SPDX-License-Identifier: ISC
#include "tests/vectors/vectors.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace vpnd::test {

struct Value::Reader {
  static Value read(const nlohmann::json& j) {
    Value v;
    if (j.is_string()) {
      v.text_ = j.get<std::string>();
    } else if (!j.is_structured()) {
      v.text_ = j.dump();
    } else {
      for (const auto& item : j.items()) v.items_.emplace_back(item.key(), read(item.value()));
    }
    return v;
  }
};

Value Value::parse(std::string_view text) {
  return Reader::read(nlohmann::json::parse(text));
}

bool Value::contains(std::string_view name) const noexcept {
  return std::ranges::any_of(items_, [&](const auto& item) { return item.first == name; });
}

const Value& Value::at(std::string_view name) const {
  for (const auto& [key, value] : items_) {
    if (key == name) return value;
  }
  throw std::runtime_error("no field " + std::string(name));
}

std::uint8_t hex_digit(char c) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto at = kDigits.find(c);
  if (at == std::string_view::npos) throw std::runtime_error("not a hex digit");
  return static_cast<std::uint8_t>(at);
}

std::vector<std::uint8_t> unhex(std::string_view text) {
  if (text.size() % 2 != 0) throw std::runtime_error("odd number of hex digits");
  std::vector<std::uint8_t> out(text.size() / 2);
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<std::uint8_t>((hex_digit(text[2 * i]) << 4) | hex_digit(text[2 * i + 1]));
  }
  return out;
}

std::string hex(std::span<const std::uint8_t> bytes) {
  std::string out;
  for (const std::uint8_t b : bytes) {
    out += "0123456789abcdef"[b >> 4];
    out += "0123456789abcdef"[b & 15];
  }
  return out;
}

Value load_json(const std::string& name) {
  std::ifstream file(std::string(VPND_SOURCE_DIR "/tests/data/") + name);
  if (!file) throw std::runtime_error("cannot open test data " + name);
  std::ostringstream text;
  text << file.rdbuf();
  return Value::parse(text.str());
}

}  // namespace vpnd::test
