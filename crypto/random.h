// SPDX-License-Identifier: ISC
#pragma once

// The only place that draws random bytes.

#include <cstdint>
#include <span>

#include "crypto/secret.h"

namespace vpnd::crypto {

void init();  // sodium_init; throws std::runtime_error. Once, before anything else here
void random_bytes(std::span<std::uint8_t> out) noexcept;
Key random_key();
const char* library_version() noexcept;

}  // namespace vpnd::crypto
