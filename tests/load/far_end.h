// SPDX-License-Identifier: ISC
#pragma once

#include <cstdint>

namespace vpnd::load {

// The far end of the clients' transfers: one UDP socket on that port, until the process is killed.
// Says "ready" once it is there. Throws Error.
[[noreturn]] void run_far_end(std::uint16_t port);

}  // namespace vpnd::load
