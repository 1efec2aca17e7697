// SPDX-License-Identifier: ISC
#pragma once

// How much room an engine has. Alone in its file, for tests link another one in its place.

#include "core/engine/settings.h"

namespace vpnd::nl {

engine::Room engine_room() noexcept;

}  // namespace vpnd::nl
