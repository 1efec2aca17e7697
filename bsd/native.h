// SPDX-License-Identifier: ISC
#pragma once

// The system this program was built for. native.cpp is compiled there only; a test elsewhere brings
// a native() of its own.

#include "bsd/traits.h"

namespace vpnd::bsd {

const Traits& native() noexcept;

}  // namespace vpnd::bsd
