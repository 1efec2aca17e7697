// SPDX-License-Identifier: ISC
#pragma once

// Numbers as people read them.

#include <cstdint>
#include <string>

#include "core/base/time.h"

namespace vpnd::plan {

std::string human_bytes(std::uint64_t);  // "1.84 GiB", "212 B"
std::string human_duration(Duration);    // "2 h 14 min", "41 s"; two units at most
std::string human_rtt(Duration);         // "18.4 ms", "90 us"; zero: "-"

}  // namespace vpnd::plan
