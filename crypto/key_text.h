// SPDX-License-Identifier: ISC
#pragma once

// Keys as text, in constant time (RFC 4648: base64, and base64url without padding).

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace vpnd::crypto {

std::string base64(std::span<const std::uint8_t> bytes);
std::string base64url(std::span<const std::uint8_t> bytes);
// The whole text must decode, to exactly out.size() bytes.
bool from_base64(std::string_view text, std::span<std::uint8_t> out) noexcept;
bool from_base64url(std::string_view text, std::span<std::uint8_t> out) noexcept;

}  // namespace vpnd::crypto
