// SPDX-License-Identifier: ISC
#pragma once

// X25519 (RFC 7748). Points that would give an all-zero secret are refused.

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "crypto/secret.h"

namespace vpnd::crypto {

using PublicKey = std::array<std::uint8_t, 32>;

PublicKey public_key(const Key& secret);
// Whether shared_secret refuses this point, whatever the other key: without a curve operation.
bool low_order(std::span<const std::uint8_t, 32> point) noexcept;
std::optional<Key> shared_secret(const Key& own, std::span<const std::uint8_t, 32> theirs);

}  // namespace vpnd::crypto
