// SPDX-License-Identifier: ISC
#pragma once

// Randomness comes in as an argument, so that a whole conversation can be replayed byte for byte.
// The host passes crypto::random_source(); a test passes a counter.

#include <cstdint>
#include <functional>

#include "core/base/bytes.h"

namespace vpnd {

using Entropy = std::function<void(MutBytes)>;

// Uniform in [0, bound); bound > 0.
std::uint32_t uniform(const Entropy&, std::uint32_t bound);

}  // namespace vpnd
