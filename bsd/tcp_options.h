// SPDX-License-Identifier: ISC
#pragma once

// TCP options by the names that each system has for them: an option that a system lacks is left
// out, and none of them must be had.

#include <string>

#include "core/base/time.h"

namespace vpnd::bsd {

// Small records leave at once; a peer that takes nothing for a minute is lost; little waits unsent
// in the kernel, where it can no longer be put in order.
void set_stream_options(int socket) noexcept;

std::string congestion_control(int socket);  // "cubic"; empty: the system does not tell

// Smoothed, as the kernel measures it; zero: not known.
Duration round_trip(int socket) noexcept;

}  // namespace vpnd::bsd
