// SPDX-License-Identifier: ISC
#pragma once

// How many queues a server's device has, and so how many threads its engine, where the
// configuration leaves that to the host.

#include <cstdint>

namespace vpnd::nl {

std::uint32_t default_queues() noexcept;

}  // namespace vpnd::nl
