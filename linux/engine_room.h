// SPDX-License-Identifier: ISC
#pragma once

// How much an engine takes at a time. Alone in its file, for tests link another one in its place.

#include "core/engine/settings.h"

namespace vpnd::nl {

engine::Room engine_room() noexcept;
// Of the device in one turn, after the first, before what was read is sent. What stays in the
// device waits there in order, and nothing can go first: so as much is taken out as the queue of a
// connection holds.
int tun_reads() noexcept;

}  // namespace vpnd::nl
