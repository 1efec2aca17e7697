// SPDX-License-Identifier: ISC
#pragma once

// Test vectors from tests/data, and hex to and from bytes. A malformed file or field throws, which
// fails the test that asked. The JSON library stays in vectors.cpp: reading it takes a compiler
// longer than most tests do.

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crypto/secret.h"

namespace vpnd::test {

// A value of a JSON text: its text if it is a string, a number, true, false or null; else what is
// in it, with names or without.
class Value {
 public:
  static Value parse(std::string_view text);

  const Value& at(std::string_view name) const;
  bool contains(std::string_view name) const noexcept;
  const Value& at(std::size_t index) const { return items_.at(index).second; }
  std::size_t size() const noexcept { return items_.size(); }
  const std::string& text() const noexcept { return text_; }
  template<typename Integer>
  Integer number() const {
    Integer n{};
    const char* end = text_.data() + text_.size();
    const auto [at, error] = std::from_chars(text_.data(), end, n);
    if (error != std::errc{} || at != end) throw std::runtime_error("no number: " + text_);
    return n;
  }

  class Iterator {
   public:
    explicit Iterator(const std::pair<std::string, Value>* at) noexcept : at_(at) {}
    const Value& operator*() const noexcept { return at_->second; }
    Iterator& operator++() noexcept {
      ++at_;
      return *this;
    }
    bool operator==(const Iterator&) const noexcept = default;

   private:
    const std::pair<std::string, Value>* at_;
  };
  Iterator begin() const noexcept { return Iterator(items_.data()); }
  Iterator end() const noexcept { return Iterator(items_.data() + items_.size()); }

 private:
  struct Reader;
  std::string text_;
  std::vector<std::pair<std::string, Value>> items_;
};

std::uint8_t hex_digit(char c);
std::vector<std::uint8_t> unhex(std::string_view text);
std::string hex(std::span<const std::uint8_t> bytes);

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
Value load_json(const std::string& name);

// Fields of a vector: text as it stands, or decoded.
inline std::string text(const Value& v, const char* field) {
  return v.at(field).text();
}
inline std::vector<std::uint8_t> bytes(const Value& v, const char* field) {
  return unhex(text(v, field));
}
template<std::size_t N>
std::array<std::uint8_t, N> array(const Value& v, const char* field) {
  return unhex_array<N>(text(v, field));
}
inline crypto::Key key(const Value& v, const char* field) {
  return unhex_key(text(v, field));
}

// The same bytes with one bit changed, for negative twins.
template<typename Container>
Container flipped(Container c, std::size_t byte, std::size_t bit = 0) {
  c[byte] = static_cast<std::uint8_t>(c[byte] ^ (1u << bit));
  return c;
}

}  // namespace vpnd::test
