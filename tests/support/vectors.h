// SPDX-License-Identifier: ISC
#pragma once

// Test vectors from tests/data, and hex to and from bytes. A malformed file or field throws, which
// fails the test that asked.

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/secret.h"

namespace vpnd::test {

using nlohmann::json;

inline std::uint8_t hex_digit(char c) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto at = kDigits.find(c);
  if (at == std::string_view::npos) throw std::runtime_error("not a hex digit");
  return static_cast<std::uint8_t>(at);
}

inline std::vector<std::uint8_t> unhex(std::string_view text) {
  if (text.size() % 2 != 0) throw std::runtime_error("odd number of hex digits");
  std::vector<std::uint8_t> out(text.size() / 2);
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<std::uint8_t>((hex_digit(text[2 * i]) << 4) | hex_digit(text[2 * i + 1]));
  }
  return out;
}

inline std::string hex(std::span<const std::uint8_t> bytes) {
  std::string out;
  for (const std::uint8_t b : bytes) {
    out += "0123456789abcdef"[b >> 4];
    out += "0123456789abcdef"[b & 15];
  }
  return out;
}

template<std::size_t N>
std::array<std::uint8_t, N> unhex_array(std::string_view text) {
  const auto bytes = unhex(text);
  if (bytes.size() != N) throw std::runtime_error("hex text of the wrong length");
  std::array<std::uint8_t, N> out{};
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

inline crypto::Key unhex_key(std::string_view text) {
  return crypto::Key(unhex_array<32>(text));
}

// A file of tests/data, parsed.
inline json load_json(const std::string& name) {
  std::ifstream file(std::string(VPND_SOURCE_DIR "/tests/data/") + name);
  if (!file) throw std::runtime_error("cannot open test data " + name);
  return json::parse(file);
}

// Fields of a vector: text as it stands, or decoded.
inline std::string text(const json& v, const char* field) {
  return v.at(field).get<std::string>();
}
inline std::vector<std::uint8_t> bytes(const json& v, const char* field) {
  return unhex(text(v, field));
}
template<std::size_t N>
std::array<std::uint8_t, N> array(const json& v, const char* field) {
  return unhex_array<N>(text(v, field));
}
inline crypto::Key key(const json& v, const char* field) {
  return unhex_key(text(v, field));
}

// The same bytes with one bit changed, for negative twins.
template<typename Container>
Container flipped(Container c, std::size_t byte, std::size_t bit = 0) {
  c[byte] = static_cast<std::uint8_t>(c[byte] ^ (1u << bit));
  return c;
}

}  // namespace vpnd::test
