// SPDX-License-Identifier: ISC
#include "crypto/key_text.h"

#include <sodium.h>

namespace vpnd::crypto {
namespace {

std::string encode(std::span<const std::uint8_t> bytes, int variant) {
  if (bytes.empty()) return {};  // the library wants no null pointer
  std::string text(sodium_base64_encoded_len(bytes.size(), variant), '\0');
  sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), variant);
  text.pop_back();  // the terminating zero
  return text;
}

bool decode(std::string_view text, std::span<std::uint8_t> out, int variant) noexcept {
  if (text.empty() || out.empty()) return text.empty() && out.empty();
  std::size_t length = 0;
  // Without an end pointer the library refuses text that goes on after the last digit.
  const int failed = sodium_base642bin(out.data(), out.size(), text.data(), text.size(), nullptr,
                                       &length, nullptr, variant);
  return failed == 0 && length == out.size();
}

}  // namespace

std::string base64(std::span<const std::uint8_t> bytes) {
  return encode(bytes, sodium_base64_VARIANT_ORIGINAL);
}

std::string base64url(std::span<const std::uint8_t> bytes) {
  return encode(bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

bool from_base64(std::string_view text, std::span<std::uint8_t> out) noexcept {
  return decode(text, out, sodium_base64_VARIANT_ORIGINAL);
}

bool from_base64url(std::string_view text, std::span<std::uint8_t> out) noexcept {
  return decode(text, out, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

}  // namespace vpnd::crypto
