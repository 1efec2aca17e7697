// SPDX-License-Identifier: ISC
#pragma once

// Hears of what others change: routes, addresses, interfaces. Whoever watches then lets the keeper
// look (Keeper::networks_changed), which reads the default gateway again and has the routes to the
// server follow it.

namespace vpnd::bsd {

// A routing socket for watching, non-blocking and closed on exec. Throws Error.
int open_route_watch();

// Reads what has come. True: the ways may be others now, or messages were lost; our own changes
// count as well, and a keeper that finds nothing to do does nothing. Never throws.
bool ways_changed(int watch) noexcept;

}  // namespace vpnd::bsd
